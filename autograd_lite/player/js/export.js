// (to be written)

export function mountExport() {}
