// Where everything stands: layered from what is given to the result.
//
// Each open group is arranged on its own by the library dagre, inner ones first, and is one box to what surrounds
// it. So frames stay tight, and a large picture is many small ones. A link that crosses a frame is led through it
// by a port: a box of no size in front of, or behind, all that the frame holds.

const NODE_GAP = 18;
const RANK_GAP = { LR: 66, TB: 42 }; // across the first, the amount that flows has to fit
const FRAME_PAD = 12;
const FRAME_TITLE = 24;
const GRAPH_MARGIN = 16;

// {direction, width, height, parts: Map(id -> {x, y, width, height}), frames: Map(path -> the same),
// links: Map(id -> points)}, x and y being the upper left corner. `direction` is "LR" or "TB"; `sizeOf(part)` gives
// {width, height}.
export function layOut(folded, direction, sizeOf) {
  const levels = levelsOf(folded, sizeOf);
  for (const frame of [...folded.frames].reverse()) arrangeLevel(levels, frame.path, direction);
  const whole = arrangeLevel(levels, null, direction);
  const made = {
    direction,
    width: whole.width + 2 * GRAPH_MARGIN,
    height: whole.height + 2 * GRAPH_MARGIN,
    parts: new Map(), frames: new Map(), links: new Map(),
  };
  const origins = new Map([[null, { x: GRAPH_MARGIN, y: GRAPH_MARGIN }]]);
  const put = ({ id, path, frame, part }) => {
    const [origin, box] = [origins.get(frame), levels.get(frame).items.get(id)];
    const placed = { x: origin.x + box.x, y: origin.y + box.y, width: box.width, height: box.height };
    if (part) return made.parts.set(id, placed);
    origins.set(path, { x: placed.x + FRAME_PAD, y: placed.y + FRAME_TITLE });
    return made.frames.set(path, placed);
  };
  for (const { path, frame } of folded.frames) put({ id: `f:${path}`, path, frame });
  for (const { id, frame } of folded.parts) put({ id, frame, part: true });
  for (const link of folded.links) made.links.set(link.id, routeOf(levels.get("routes").get(link.id), levels, origins));
  landLinks(folded, made);
  return made;
}

// By frame (null: outside all): the `items` in it with their sizes, the `edges` between them, and the ports. Under
// "routes", the pieces that each link is made of.
function levelsOf(folded, sizeOf) {
  const frames = new Map(folded.frames.map((frame) => [frame.path, frame]));
  const levels = new Map([[null, { items: new Map(), edges: new Map() }]]);
  for (const { path } of folded.frames) levels.set(path, { items: new Map(), edges: new Map() });
  for (const { path, frame } of folded.frames) levels.get(frame).items.set(`f:${path}`, { first: Infinity });
  const chains = new Map();
  folded.parts.forEach((part, place) => {
    levels.get(part.frame).items.set(part.id, { ...sizeOf(part), first: place });
    const chain = [[part.frame, part.id]]; // what holds it, innermost first
    for (let path = part.frame; path !== null; path = frames.get(path).frame) {
      const outer = frames.get(path).frame;
      const item = levels.get(outer).items.get(`f:${path}`);
      item.first = Math.min(item.first, place);
      chain.push([outer, `f:${path}`]);
    }
    chains.set(part.id, chain.reverse());
  });
  const routes = new Map();
  const edge = (level, from, to, position = 0) => {
    const { edges } = levels.get(level);
    const key = `${from}→${to}`;
    if (!edges.has(key)) edges.set(key, { from, to, count: 0, position });
    edges.get(key).count += 1;
    return [level, key];
  };
  for (const { id, source, target, uses } of folded.links) {
    const [from, to] = [chains.get(source), chains.get(target)];
    let depth = 0;
    while (from[depth][1] === to[depth][1]) depth += 1;
    const out = from.slice(depth + 1).reverse().map(([level, item]) => edge(level, item, `>${item}`));
    const across = edge(from[depth][0], from[depth][1], to[depth][1], uses[0][1]);
    const into = to.slice(depth + 1).map(([level, item]) => edge(level, `<${item}`, item));
    routes.set(id, [...out, across, ...into]);
  }
  levels.set("routes", routes);
  return levels;
}

// Places for the items of one level, from (0, 0) on; the frame around it gets its size.
function arrangeLevel(levels, path, direction) {
  const { items, edges } = levels.get(path);
  const graph = new globalThis.dagre.graphlib.Graph();
  const ranker = edges.size > 300 ? "tight-tree" : "network-simplex";
  graph.setGraph({ rankdir: direction, nodesep: NODE_GAP, edgesep: 10, ranksep: RANK_GAP[direction], ranker });
  for (const [id, { width, height }] of items) graph.setNode(id, { width, height });
  for (const [key, { from, to, count }] of edges) {
    for (const [id, mark] of [[from, "<"], [to, ">"]]) {
      if (items.has(id)) continue;
      if (!graph.hasNode(mark)) graph.setNode(mark, { width: 0, height: 0 });
      if (!graph.hasNode(id)) graph.setNode(id, { width: 0, height: 0 });
      graph.setEdge(mark === "<" ? mark : id, mark === "<" ? id : mark, { weight: 50 });
    }
    graph.setEdge(from, to, { weight: Math.min(count, 4), key });
  }
  globalThis.dagre.layout(graph);
  const flip = isUpsideDown(graph, items, edges, direction) ? -1 : 1;
  const [flipX, flipY] = direction === "LR" ? [1, flip] : [flip, 1];
  for (const [id, item] of items) {
    const { x, y } = graph.node(id);
    Object.assign(item, { x: x * flipX - item.width / 2, y: y * flipY - item.height / 2 });
  }
  orderLeaves(graph, items, edges, direction);
  const [side, size] = direction === "LR" ? ["x", "width"] : ["y", "height"];
  const first = Math.min(...[...items.values()].map((item) => item[side]));
  const last = Math.max(...[...items.values()].map((item) => item[side] + item[size]));
  for (const edge of edges.values()) {
    const points = graph.edge(edge.from, edge.to).points.slice(1, -1);
    if (!items.has(edge.from)) points.unshift(graph.node(edge.from));
    if (!items.has(edge.to)) points.push(graph.node(edge.to));
    // between neighbours no point is needed, and ports before or behind everything only bend a line
    const kept = points.map(({ x, y }) => ({ x: x * flipX, y: y * flipY })).filter((at) => at[side] > first && at[side] < last);
    edge.points = kept.length > 1 ? kept : levelWay(edge, items, first, last, direction);
  }
  return crop(levels, path);
}

// A narrow box in a wide column: the line to the port runs level past its neighbours before it bends.
function levelWay({ from, to }, items, first, last, direction) {
  const [side, size, across, breadth] = direction === "LR" ? ["x", "width", "y", "height"] : ["y", "height", "x", "width"];
  const leaves = items.has(from);
  if (leaves && items.has(to)) return [];
  const box = items.get(leaves ? from : to);
  const gap = leaves ? last - box[side] - box[size] : box[side] - first;
  return gap > 24 ? [{ [side]: leaves ? last : first, [across]: box[across] + box[breadth] / 2 }] : [];
}

// Moves everything to (0, 0) and tells the frame how large it has to be.
function crop(levels, path) {
  const { items, edges } = levels.get(path);
  const points = [...edges.values()].flatMap((edge) => edge.points);
  const boxes = [...items.values()];
  const left = Math.min(...boxes.map(({ x }) => x));
  const top = Math.min(...boxes.map(({ y }) => y), ...points.map(({ y }) => y));
  const width = Math.max(...boxes.map((box) => box.x + box.width)) - left;
  const height = Math.max(...boxes.map((box) => box.y + box.height), ...points.map(({ y }) => y)) - top;
  for (const place of [...boxes, ...points]) Object.assign(place, { x: place.x - left, y: place.y - top });
  if (path !== null) {
    const frame = [...levels.values()].map((level) => level.items && level.items.get(`f:${path}`)).find(Boolean);
    Object.assign(frame, { width: width + 2 * FRAME_PAD, height: height + FRAME_TITLE + FRAME_PAD });
  }
  return { width, height };
}

// A mirrored picture has as few crossings: the better of the two has the first operand and the first neuron on top.
function isUpsideDown(graph, items, edges, direction) {
  const [along, across] = direction === "LR" ? ["x", "y"] : ["y", "x"];
  let score = 0;
  const columns = new Map();
  for (const [id, { first }] of items) {
    const place = graph.node(id);
    const column = Math.round(place[along]);
    columns.set(column, [...(columns.get(column) || []), [place[across], first]]);
  }
  const operands = new Map();
  for (const { from, to, position } of edges.values()) {
    if (!items.has(from)) continue;
    operands.set(to, [...(operands.get(to) || []), [graph.node(from)[across], position]]);
  }
  for (const group of [...columns.values(), ...operands.values()]) {
    group.sort(([one], [other]) => one - other);
    for (let place = 1; place < group.length; place += 1) score += Math.sign(group[place][1] - group[place - 1][1]);
  }
  return score < 0;
}

// Leaves that serve one op only, side by side in front of it, stand in the order of its operands.
function orderLeaves(graph, items, edges, direction) {
  const [along, across, breadth] = direction === "LR" ? ["x", "y", "height"] : ["y", "x", "width"];
  const [leaving, fed] = [new Map(), new Set()];
  for (const edge of edges.values()) {
    leaving.set(edge.from, [...(leaving.get(edge.from) || []), edge]);
    fed.add(edge.to);
  }
  const rows = new Map();
  for (const [from, [edge, ...others]] of leaving) {
    const bent = graph.edge(edge.from, edge.to).points.length > 3;
    if (others.length || bent || fed.has(from) || !items.has(from) || !items.has(edge.to)) continue;
    const item = items.get(from);
    const key = `${edge.to} ${Math.round(graph.node(from)[along])} ${item[breadth]}`;
    rows.set(key, [...(rows.get(key) || []), { item, position: edge.position }]);
  }
  for (const row of rows.values()) {
    const places = row.map(({ item }) => item[across]).sort((one, other) => one - other);
    row.sort((one, other) => one.position - other.position).forEach(({ item }, rank) => (item[across] = places[rank]));
  }
}

// The way points of a link, piece by piece; its two ends are set where it lands.
function routeOf(pieces, levels, origins) {
  const end = { x: 0, y: 0 };
  const between = pieces.flatMap(([level, key]) => {
    const origin = origins.get(level);
    return levels.get(level).edges.get(key).points.map(({ x, y }) => ({ x: x + origin.x, y: y + origin.y }));
  });
  return [end, ...between, end];
}

// Arrows leave a box on one side and arrive on the other, spread in the order in which they come, so that two
// operands of one op do not end in one point.
function landLinks(folded, made) {
  const [along, across, length, breadth] = made.direction === "LR" ? ["x", "y", "width", "height"] : ["y", "x", "height", "width"];
  const [arriving, leaving] = [new Map(), new Map()];
  const middle = (box) => box[across] + box[breadth] / 2;
  for (const { id, source, target } of folded.links) {
    const points = made.links.get(id);
    const [from, to] = [made.parts.get(source), made.parts.get(target)];
    const last = points.length - 1;
    const enter = { points, place: last, from: last > 1 ? points[last - 1][across] : middle(from) };
    const leave = { points, place: 0, from: last > 1 ? points[1][across] : middle(to) };
    arriving.set(target, [...(arriving.get(target) || []), enter]);
    leaving.set(source, [...(leaving.get(source) || []), leave]);
  }
  const land = (ends, box, side, apart) => {
    const reach = Math.min(box[breadth] - 18, apart * (ends.length - 1));
    ends.sort((one, other) => one.from - other.from).forEach(({ points, place }, rank) => {
      const share = ends.length === 1 ? 0 : rank / (ends.length - 1) - 0.5;
      points[place] = { [along]: side, [across]: middle(box) + share * reach };
    });
  };
  for (const [id, ends] of arriving) land(ends, made.parts.get(id), made.parts.get(id)[along], 15);
  for (const [id, ends] of leaving) land(ends, made.parts.get(id), made.parts.get(id)[along] + made.parts.get(id)[length], 5);
}

// A smooth path through the points, level with the direction of the picture at both ends, as an SVG "d".
export function curve(points, direction) {
  const at = ({ x, y }) => `${tenthOf(x)} ${tenthOf(y)}`;
  let path = `M${at(points[0])}`;
  for (let place = 1; place < points.length; place += 1) {
    const [one, other] = [points[place - 1], points[place]];
    const leave = curveHandle(one, other, points[place - 2], direction, 1);
    const enter = curveHandle(other, one, points[place + 1], direction, -1);
    path += `C${at(leave)} ${at(enter)} ${at(other)}`;
  }
  return path;
}

// The control point near `here` of the piece to `there`; `beyond` is the point on the other side, if there is one.
function curveHandle(here, there, beyond, direction, sign) {
  if (beyond) {
    const pull = Math.hypot(there.x - here.x, there.y - here.y) / 3;
    const [x, y] = [there.x - beyond.x, there.y - beyond.y];
    const size = Math.hypot(x, y) || 1;
    return { x: here.x + (x / size) * pull, y: here.y + (y / size) * pull };
  }
  const span = direction === "LR" ? there.x - here.x : there.y - here.y;
  const reach = sign * Math.min(Math.max(14, Math.abs(span) * 0.45), 90);
  return direction === "LR" ? { x: here.x + reach, y: here.y } : { x: here.x, y: here.y + reach };
}

function tenthOf(number) {
  return Math.round(number * 10) / 10;
}
