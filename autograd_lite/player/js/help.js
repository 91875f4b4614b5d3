// (to be written)

export function mountHelp() {}
