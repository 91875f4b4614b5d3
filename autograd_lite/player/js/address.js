// The address of the page: #step=12&node=3&tab=values opens there, and follows what is looked at.

const PAUSE = 400; // milliseconds between two changes of the address: browsers count them

export function mountAddress(player, panels) {
  const names = panels.map(({ name }) => name);
  const obey = () => obeyAddress(player, names);
  let timer = null;
  let first = true;
  window.addEventListener("hashchange", obey);
  player.subscribe((changes) => {
    const skip = first || !["position", "selected", "tab", "run"].some((change) => changes.has(change));
    first = false;
    if (skip || timer) return;
    timer = setTimeout(() => {
      timer = null;
      writeAddress(player);
    }, PAUSE);
  });
  obey();
}

// What the address names and this page has; a step beyond the end is the end.
function obeyAddress(player, names) {
  const asked = new URLSearchParams(location.hash.slice(1));
  const whole = (name) => (/^-?\d+$/.test(asked.get(name)) ? Number(asked.get(name)) : null);
  const [step, node, tab] = [whole("step"), whole("node"), asked.get("tab")];
  if (step !== null) {
    player.pause();
    player.goto(step);
  }
  if (node !== null && node >= 0 && node < player.data.shown) player.select(node);
  if (names.includes(tab)) player.showTab(tab);
}

function writeAddress(player) {
  const node = player.selected === null ? "" : `&node=${player.selected}`;
  const address = `#step=${player.position}${node}&tab=${player.tab}`;
  try {
    history.replaceState(history.state, "", address);
  } catch {
    // a sandboxed frame has no address of its own
  }
}
