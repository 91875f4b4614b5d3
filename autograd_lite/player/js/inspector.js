// (to be written)

export function mountInspector() {}
