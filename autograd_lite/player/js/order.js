// (to be written)

export function mountOrder() {}
