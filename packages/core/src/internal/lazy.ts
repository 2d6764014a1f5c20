/** A value that is made once, when it is first needed: one that takes milliseconds to make, and that few programs need. */
export const make = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
