import starlight from "@astrojs/starlight"
import { defineConfig, passthroughImageService } from "astro/config"
import * as Code from "./site/Code.ts"
import * as Output from "./site/Output.ts"
import * as Site from "./site/Site.ts"

const site = await Site.make()

/** Comments say what code blocks need; they are not part of a page. */
const withoutComments = {
  name: "comments",
  html: (node, context) => {
    if (node.value.trimStart().startsWith("<!--")) context.removeNode(node)
  }
}

export default defineConfig({
  // No image is transformed, nothing is fetched, nothing is reported.
  image: { service: passthroughImageService() },
  trailingSlash: "always",
  server: { host: "127.0.0.1" },
  integrations: [
    starlight({
      title: "Strata",
      description: "Chat and embeddings on Amazon Bedrock as Effect layers.",
      favicon: "/favicon.svg",
      logo: { src: "./src/assets/logo.svg" },
      social: [{ icon: "github", label: "GitHub", href: "https://github.com/strata-effect/strata" }],
      editLink: { baseUrl: "https://github.com/strata-effect/strata/edit/main/docs/" },
      credits: false,
      customCss: ["./src/styles/site.css"],
      components: {
        Hero: "./src/components/Hero.astro",
        MarkdownContent: "./src/components/MarkdownContent.astro"
      },
      markdown: { processedDirs: ["./src/generated"] },
      expressiveCode: {
        themes: [...Code.themes],
        useStarlightUiThemeColors: true,
        styleOverrides: { codeLineHeight: "1.6" },
        plugins: [await Code.plugin(site.typed, site.linked)]
      },
      sidebar: site.sidebar
    }),
    {
      name: "strata",
      hooks: {
        "astro:config:setup": ({ config }) => {
          const { features, mdastPlugins } = config.markdown.processor.options
          mdastPlugins.push(withoutComments)
          // `--flag` stays what it is.
          features.smartPunctuation = false
        },
        "astro:build:done": ({ dir }) => Output.verify(dir)
      }
    }
  ]
})
