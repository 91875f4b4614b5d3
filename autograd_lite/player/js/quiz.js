// (to be written)

export function mountQuiz() {}
