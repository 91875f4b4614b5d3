// (to be written)

export function mountValues() {}
