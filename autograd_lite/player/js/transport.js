// (to be written)

export function mountTransport() {}
