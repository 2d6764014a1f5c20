/**
 * The lines of a CHANGELOG.md: what a changeset says, and nothing about updated dependencies, since all packages have one version.
 */
export default {
  getReleaseLine: async ({ summary }) => {
    const [first, ...rest] = summary.trim().split("\n")
    return [`- ${first}`, ...rest.map((line) => (line === "" ? "" : `  ${line}`))].join("\n")
  },
  getDependencyReleaseLine: async () => ""
}
