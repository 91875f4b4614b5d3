// Unpacks the page: style, scripts and data lie in it compressed, so that a notebook with ten players stays
// light. The policy in the page's head lists the hash of each part; anything else would not run.
(async () => {
  const packed = document.getElementById("packed");
  if (!("DecompressionStream" in globalThis)) {
    document.getElementById("waiting").hidden = false;
    return;
  }
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const parts = JSON.parse(await new Response(stream).text());
  packed.remove();
  for (const { tag, attributes, text } of parts) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    (tag === "style" ? document.head : document.body).append(element);
  }
})();
