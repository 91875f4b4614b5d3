// Moving about in a picture that is larger than the stage: drag, wheel, pinch, buttons.

const LEAST = 0.12;
const MOST = 2.5;
const LEGIBLE = 0.6; // a picture is not shrunk below this to make it fit
const COMFORTABLE = 0.75; // a picture that does not fit is shown as large as this
const MARGIN_OF_STAGE = 12;

// Moves `content` inside the <svg> `board`. `sizes()` gives {width, height, direction} of what is shown.
export class Camera {
  constructor(board, content, sizes) {
    Object.assign(this, { board, content, sizes, x: 0, y: 0, scale: 1, moved: false });
    this.fingers = new Map();
    this.dragged = 0;
    board.addEventListener("pointerdown", (event) => this.press(event));
    board.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) board.addEventListener(name, (event) => this.release(event));
    board.addEventListener("wheel", (event) => this.roll(event), { passive: false });
  }

  get stage() {
    return { width: this.board.clientWidth || 1, height: this.board.clientHeight || 1 };
  }

  // How much the picture may be enlarged to fill the stage.
  room({ width, height }) {
    const { stage } = this;
    const free = 2 * MARGIN_OF_STAGE;
    return Math.min((stage.width - free) / width, (stage.height - free) / height);
  }

  // Everything into view, as large as is pleasant; with `whole` even where it gets too small to read.
  fit(whole = false) {
    const [stage, { width, height, direction }] = [this.stage, this.sizes()];
    const room = Math.max(Math.min(this.room({ width, height }), 1.25), LEAST);
    const scale = whole || room > LEGIBLE ? room : COMFORTABLE;
    const [left, top] = [(stage.width - width * scale) / 2, (stage.height - height * scale) / 2];
    this.moved = false;
    // what is too large begins with the first column or row
    if (direction === "TB") this.place(left, Math.max(top, 0), scale);
    else this.place(Math.max(left, 0), top, scale);
  }

  place(x, y, scale) {
    cancelAnimationFrame(this.frame);
    Object.assign(this, { x, y, scale });
    this.content.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${scale.toFixed(4)})`);
  }

  // On paper the stage has another size: what it shows is made to fit there as a whole.
  onPaper(printed) {
    const { width, height } = this.stage;
    if (printed) this.board.setAttribute("viewBox", `0 0 ${width} ${height}`);
    else this.board.removeAttribute("viewBox");
  }

  zoom(factor, at = { x: this.stage.width / 2, y: this.stage.height / 2 }) {
    const scale = Math.max(LEAST, Math.min(MOST, this.scale * factor));
    const ratio = scale / this.scale;
    this.moved = true;
    this.place(at.x - (at.x - this.x) * ratio, at.y - (at.y - this.y) * ratio, scale);
  }

  // Moves no further than it takes to see the box, gently where the reader does not mind motion.
  reveal({ x, y, width, height }) {
    const { stage, scale } = this;
    const shift = (from, size, whole) => {
      const [low, high] = [40, whole - 40 - size];
      if (from >= 8 && from + size <= whole - 8) return 0;
      return low > high ? (whole - size) / 2 - from : Math.max(low, Math.min(high, from)) - from;
    };
    const right = shift(this.x + x * scale, width * scale, stage.width);
    const down = shift(this.y + y * scale, height * scale, stage.height);
    if (right || down) this.glide(this.x + right, this.y + down);
  }

  glide(x, y) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (still) return this.place(x, y, this.scale);
    const [fromX, fromY, begun] = [this.x, this.y, performance.now()];
    const move = (now) => {
      const share = Math.min((now - begun) / 220, 1);
      const eased = 1 - (1 - share) ** 3;
      this.place(fromX + (x - fromX) * eased, fromY + (y - fromY) * eased, this.scale);
      if (share < 1) this.frame = requestAnimationFrame(move);
    };
    this.frame = requestAnimationFrame(move);
  }

  point(event) {
    const { left, top } = this.board.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  press(event) {
    if (event.button) return;
    this.fingers.set(event.pointerId, this.point(event));
    if (this.fingers.size === 1) this.dragged = 0;
  }

  drag(event) {
    if (!this.fingers.has(event.pointerId)) return;
    const [before, now] = [this.fingers.get(event.pointerId), this.point(event)];
    const others = [...this.fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.fingers.set(event.pointerId, now);
    this.dragged += Math.hypot(now.x - before.x, now.y - before.y);
    if (this.dragged < 4) return;
    if (!this.board.hasPointerCapture(event.pointerId)) this.board.setPointerCapture(event.pointerId);
    this.moved = true;
    if (!others.length) return this.place(this.x + now.x - before.x, this.y + now.y - before.y, this.scale);
    const apart = (place) => Math.hypot(place.x - others[0].x, place.y - others[0].y) || 1;
    this.zoom(apart(now) / apart(before), others[0]);
  }

  release(event) {
    this.fingers.delete(event.pointerId);
  }

  // Whether the press that just ended moved the picture, and so was no click.
  get wasDragged() {
    return this.dragged >= 4;
  }

  // A plain wheel scrolls the page around a notebook's player; in a page of its own it zooms a graph with focus.
  roll(event) {
    const own = window.top === window && this.board.contains(document.activeElement);
    if (!event.ctrlKey && !event.metaKey && !own) return;
    event.preventDefault();
    this.zoom(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 200), this.point(event));
  }
}
