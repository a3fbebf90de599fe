/** A value that is there, or will be. */
export type Eventually<T> = T | Promise<T>

/** Goes on with a value that may have to be waited for, at once where it need not. */
export function after<Given, Made>(
  value: Eventually<Given>,
  next: (value: Given) => Eventually<Made>,
): Eventually<Made> {
  return value instanceof Promise ? value.then(next) : next(value)
}
