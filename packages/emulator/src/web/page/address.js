/**
 * The emulator's address, and how to configure clients in several languages.
 */

/** @import { Client } from "../Admin.ts" */

import { element, find } from "./element.js"

/**
 * Shows it; expanded until the first request.
 *
 * @param {Client} client
 * @param {boolean} open
 */
export const show = (client, open) => {
  const endpoint = location.origin
  find("address", HTMLDetailsElement).open = open
  find("endpoint", HTMLElement).textContent = endpoint
  find("secrets", HTMLElement).textContent = client.credentials === undefined || client.apiKey === undefined
    ? "Replace the values in <brackets> by those given to the emulator, which it does not reveal."
    : "The keys are the examples of AWS's documentation and work with an emulator only."
  const snippet = find("snippet", HTMLPreElement)
  const languages = find("languages", HTMLElement)
  const choose = (/** @type {keyof typeof snippets} */ language) => {
    snippet.textContent = snippets[language](endpoint, client)
  }
  for (const language of /** @type {Array<keyof typeof snippets>} */ (Object.keys(snippets))) {
    const input = element("input", { type: "radio", name: "language", checked: language === "Environment" })
    input.addEventListener("change", () => choose(language))
    languages.append(element("label", {}, input, element("span", {}, language)))
  }
  choose("Environment")
  const copy = find("copy", HTMLButtonElement)
  const say = (/** @type {string} */ word) => {
    copy.textContent = word
    setTimeout(() => copy.textContent = "Copy", 1_500)
  }
  copy.addEventListener("click", () => {
    // browsers may refuse the clipboard, and disable it on pages that come neither from localhost nor over TLS
    const copied = navigator.clipboard?.writeText(snippet.textContent ?? "") ?? Promise.reject()
    copied.then(
      () => say("Copied"),
      () => {
        getSelection()?.selectAllChildren(snippet)
        say("Selected")
      }
    )
  })
}

const hidden = { accessKeyId: "<access key id>", secretAccessKey: "<secret access key>" }

/** @satisfies {Record<string, (endpoint: string, client: Client) => string>} */
const snippets = {
  Environment: (endpoint, { credentials = hidden, region }) =>
    `export AWS_ENDPOINT_URL_BEDROCK=${endpoint} AWS_ENDPOINT_URL_BEDROCK_RUNTIME=${endpoint}
export AWS_REGION=${region} AWS_DEFAULT_REGION=${region}
export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}
export AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}`,

  JavaScript: (endpoint, { credentials = hidden, region }) =>
    `import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"

const client = new BedrockRuntimeClient({
  endpoint: "${endpoint}",
  region: "${region}",
  credentials: {
    accessKeyId: "${credentials.accessKeyId}",
    secretAccessKey: "${credentials.secretAccessKey}"
  }
})`,

  Python: (endpoint, { credentials = hidden, region }) =>
    `import boto3

client = boto3.client(
    "bedrock-runtime",
    endpoint_url="${endpoint}",
    region_name="${region}",
    aws_access_key_id="${credentials.accessKeyId}",
    aws_secret_access_key="${credentials.secretAccessKey}",
)`,

  curl: (endpoint, { apiKey = "<api key>" }) =>
    `curl ${endpoint}/model/amazon.nova-lite-v1%3A0/converse \\
  -H 'authorization: Bearer ${apiKey}' \\
  -H 'content-type: application/json' \\
  -d '{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}'`
}
