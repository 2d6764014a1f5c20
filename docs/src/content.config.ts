import { docsSchema } from "@astrojs/starlight/schema"
import { glob } from "astro/loaders"
import { defineCollection } from "astro:content"

/** Written pages, and those that `site/Site.ts` generates. */
export const collections = {
  docs: defineCollection({
    loader: glob({
      base: "./src",
      pattern: ["content/docs/**/[^_]*.{md,mdx}", "generated/**/*.md"],
      generateId: ({ entry }) =>
        entry.replace(/^(content\/docs|generated)\//, "").replace(/\.mdx?$/, "").replace(/\/index$/, "").toLowerCase()
    }),
    schema: docsSchema()
  })
}
