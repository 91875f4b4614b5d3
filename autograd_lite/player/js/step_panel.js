// (to be written)

export function mountStep() {}
