// Which boxes the picture has: every node on its own, or inside the box of a closed group.

// A group is closed unless its path and all outer paths are in `open`. Hidden nodes (they serve guards only)
// are left out.
//   parts:  {id, kind: "node" | "group", node, path, title, members: [indices], frame: path or null}
//   frames: {path, title, frame}, the open groups, outer ones first
//   links:  {id, source, target: part ids, uses: [[target node, operand position], …]}
export function partsOf(data, open) {
  const parts = new Map();
  const frames = new Map();
  const places = data.nodes.slice(0, data.shown).map((node) => {
    const { frame, closed } = foldedAt(node.group || "", open, data, frames);
    const id = closed === null ? `n${node.index}` : `g:${closed}`;
    if (!parts.has(id)) parts.set(id, closed === null ? nodePart(id, node, frame) : groupPart(id, closed, frame, data));
    parts.get(id).members.push(node.index);
    return id;
  });
  const links = new Map();
  for (const node of data.nodes.slice(0, data.shown)) {
    node.parents.forEach((parent, position) => {
      const [source, target] = [places[parent], places[node.index]];
      if (source === target) return;
      const id = `${source}→${target}`;
      if (!links.has(id)) links.set(id, { id, source, target, uses: [] });
      links.get(id).uses.push([node.index, position]);
    });
  }
  return {
    parts: [...parts.values()],
    frames: [...frames.values()],
    links: [...links.values()],
    partOf: (index) => places[index],
  };
}

// The frames around a node, down to the first group that is closed.
function foldedAt(path, open, data, frames) {
  let frame = null;
  for (const outer of outwardPaths(path)) {
    if (!open.has(outer)) return { frame, closed: outer };
    if (!frames.has(outer)) frames.set(outer, { path: outer, title: groupTitle(data, outer), frame });
    frame = outer;
  }
  return { frame, closed: null };
}

// "a/b/c" lies in "a", in "a/b", and is itself the innermost.
export function outwardPaths(path) {
  const components = path ? path.split("/") : [];
  return components.map((_, depth) => components.slice(0, depth + 1).join("/"));
}

function groupTitle(data, path) {
  return data.groups[path] ? data.groups[path].title : path.split("/").pop();
}

function nodePart(id, node, frame) {
  return { id, kind: "node", node: node.index, path: null, title: node.text, members: [], frame };
}

function groupPart(id, path, frame, data) {
  return { id, kind: "group", node: null, path, title: groupTitle(data, path), members: [], frame };
}
