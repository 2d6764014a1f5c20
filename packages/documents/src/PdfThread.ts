/**
 * The worker of `PdfPages`: opens one PDF, and reads the pages that it is asked for.
 *
 * Without Effect, whose loading would double the thread's start time.
 */
import { parentPort, workerData } from "node:worker_threads"
import { getResolvedPDFJS } from "unpdf"
import * as PdfText from "./format/PdfText.ts"
import type { Reply, Request } from "./PdfPages.ts"

// pdf.js fetches pages in advance and drops the failures. In the program's own thread they would end it.
process.on("unhandledRejection", () => {})

const reply = (message: Reply) => parentPort?.postMessage(message)

const { getDocument, VerbosityLevel } = await getResolvedPDFJS()

const opened = getDocument({
  data: workerData,
  verbosity: VerbosityLevel.ERRORS,
  disableFontFace: true,
  useSystemFonts: false,
  useWasm: false
}).promise

type Pdf = Awaited<typeof opened>

const paragraphsOf = (pdf: Pdf, number: number): Promise<ReadonlyArray<PdfText.Paragraph>> =>
  pdf.getPage(number).then((page) =>
    page.getTextContent().then(({ items }) => {
      page.cleanup()
      return PdfText.paragraphs(items.filter((item) => "str" in item))
    })
  )

/** Pages after which the fonts and other things that pages share are forgotten. The list of all pages is one of them. */
const pagesKept = 1000

opened.then(
  (pdf) => {
    parentPort?.on("message", ({ page }: Request) => {
      paragraphsOf(pdf, page)
        .then((paragraphs) => reply({ type: "page", paragraphs }), () => reply({ type: "page", paragraphs: [] }))
        .then(() => page % pagesKept === 0 ? pdf.cleanup() : undefined)
    })
    reply({ type: "opened", pages: pdf.numPages })
  },
  (cause) => reply({ type: "failed", isLocked: cause?.name === "PasswordException", problem: String(cause?.message) })
)
