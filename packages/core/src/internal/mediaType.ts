/** A media type without its parameters, in lower case and by its registered name: upload forms say `image/jpg`. */
export const plain = (mediaType: string): string => {
  const bare = mediaType.split(";", 1).join("").trim().toLowerCase()
  return registered.get(bare) ?? bare
}

const registered: ReadonlyMap<string, string> = new Map([
  ["image/jpg", "image/jpeg"],
  ["image/pjpeg", "image/jpeg"],
  ["image/x-png", "image/png"]
])
