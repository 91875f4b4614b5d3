// Where everything stands: layered from what is given to the result, by the library dagre.

const APART = { nodesep: 16, edgesep: 10, ranksep: 58 };
const FRAMED = { nodesep: 30, edgesep: 20, ranksep: 64 }; // a frame needs room for its title
export const GRAPH_MARGIN = 16;

// {width, height, parts: Map(id -> {x, y, width, height}), frames: Map(path -> the same), links: Map(id -> points)},
// x and y being the upper left corner. `direction` is "LR" or "TB"; `sizeOf(part)` gives {width, height}.
export function layOut(folded, direction, sizeOf) {
  const graph = new globalThis.dagre.graphlib.Graph({ compound: true, multigraph: true });
  const spaces = folded.frames.length ? FRAMED : APART;
  const many = folded.links.length > 400;
  graph.setGraph({ rankdir: direction, ...spaces, marginx: GRAPH_MARGIN, marginy: GRAPH_MARGIN, ranker: many ? "tight-tree" : "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const frame of folded.frames) graph.setNode(`f:${frame.path}`, {});
  for (const part of folded.parts) graph.setNode(part.id, { ...sizeOf(part) });
  for (const { path, frame } of folded.frames) if (frame !== null) graph.setParent(`f:${path}`, `f:${frame}`);
  for (const { id, frame } of folded.parts) if (frame !== null) graph.setParent(id, `f:${frame}`);
  for (const { id, source, target, uses } of folded.links) {
    graph.setEdge(source, target, { weight: Math.min(uses.length, 4) }, id);
  }
  globalThis.dagre.layout(graph);
  const corner = (id) => {
    const { x, y, width, height } = graph.node(id);
    return { x: x - width / 2, y: y - height / 2, width, height };
  };
  const made = {
    direction,
    width: graph.graph().width,
    height: graph.graph().height,
    parts: new Map(folded.parts.map(({ id }) => [id, corner(id)])),
    frames: new Map(folded.frames.map(({ path }) => [path, corner(`f:${path}`)])),
    links: new Map(),
  };
  for (const { id, source, target } of folded.links) made.links.set(id, graph.edge(source, target, id).points);
  landLinks(folded, made);
  return made;
}

// Arrows leave a box in the middle of its side and arrive spread over the side of the next, in the order in which
// they come, so that two operands of one op do not end in one point.
function landLinks(folded, made) {
  const [along, across] = made.direction === "LR" ? ["x", "y"] : ["y", "x"];
  const [length, breadth] = made.direction === "LR" ? ["width", "height"] : ["height", "width"];
  const arriving = new Map();
  const leaving = new Map();
  for (const link of folded.links) {
    const [from, to] = [made.parts.get(link.source), made.parts.get(link.target)];
    if (from[along] + from[length] > to[along]) continue; // it runs backwards
    arriving.set(link.target, [...(arriving.get(link.target) || []), link]);
    leaving.set(link.source, [...(leaving.get(link.source) || []), link]);
  }
  const land = (links, box, place, side, reach) => {
    const order = links.map(({ id }) => made.links.get(id)).sort((one, other) => one.at(place)[across] - other.at(place)[across]);
    order.forEach((points, rank) => {
      const share = order.length === 1 ? 0 : rank / (order.length - 1) - 0.5;
      const end = { [along]: side, [across]: box[across] + box[breadth] / 2 + share * reach };
      points[place < -1 ? points.length - 1 : 0] = end;
    });
  };
  for (const [id, links] of arriving) {
    const box = made.parts.get(id);
    land(links, box, -2, box[along], Math.min(box[breadth] - 20, 16 * (links.length - 1)));
  }
  for (const [id, links] of leaving) {
    const box = made.parts.get(id);
    land(links, box, 1, box[along] + box[length], Math.min(box[breadth] - 20, 7 * (links.length - 1)));
  }
}

// A smooth path through the points, level with the direction of the picture at both ends, as an SVG "d".
export function curve(points, direction) {
  const at = ({ x, y }) => `${tenthOf(x)} ${tenthOf(y)}`;
  const [first, last] = [points[0], points[points.length - 1]];
  const inner = points.length > 2 ? points.slice(1, -1) : [];
  const knots = [first, ...(inner.length > 1 ? inner : []), last];
  let path = `M${at(first)}`;
  for (let place = 1; place < knots.length; place += 1) {
    const [one, other] = [knots[place - 1], knots[place]];
    const [before, after] = [knots[place - 2] || null, knots[place + 1] || null];
    const leave = curveHandle(one, other, before, direction, 1);
    const enter = curveHandle(other, one, after, direction, -1);
    path += `C${at(leave)} ${at(enter)} ${at(other)}`;
  }
  return path;
}

// The control point near `here` of the piece to `there`; `beyond` is the knot on the other side, null at an end.
function curveHandle(here, there, beyond, direction, sign) {
  if (beyond !== null) {
    const pull = Math.hypot(there.x - here.x, there.y - here.y) / 3;
    const [x, y] = [there.x - beyond.x, there.y - beyond.y];
    const size = Math.hypot(x, y) || 1;
    return { x: here.x + (x / size) * pull, y: here.y + (y / size) * pull };
  }
  const reach = sign * Math.max(12, Math.abs(direction === "LR" ? there.x - here.x : there.y - here.y) * 0.45);
  return direction === "LR" ? { x: here.x + reach, y: here.y } : { x: here.x, y: here.y + reach };
}

function tenthOf(number) {
  return Math.round(number * 10) / 10;
}
