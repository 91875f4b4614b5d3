// (to be written)

export function mountSource() {}
