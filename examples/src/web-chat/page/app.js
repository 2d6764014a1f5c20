/**
 * A chat page that reads the UI message stream by itself: no framework, no build. It shows messages as they are in `messages`,
 * which each chunk of a stream changes.
 */
const $ = (id) => document.getElementById(id)
const log = $("log")

/** The conversation outlives the page: the server has it under this id. */
const newId = () => crypto.randomUUID?.() ?? `chat-${Date.now()}-${Math.random().toString(36).slice(2)}`
let chatId = localStorage.getItem("chat") ?? newId()
localStorage.setItem("chat", chatId)

let messages = []
let isRunning = false
let error

// ---- The stream

/** Changes the message as a chunk says. */
const apply = (message, chunk) => {
  const { parts } = message
  const last = (type) => parts.findLast((part) => part.type === type && part.id === chunk.id)
  const call = () => parts.findLast((part) => part.toolCallId === chunk.toolCallId)
  switch (chunk.type) {
    case "start":
      message.id = chunk.messageId
      break
    case "start-step":
      parts.push({ type: "step-start" })
      break
    case "text-start":
    case "reasoning-start":
      parts.push({ type: chunk.type.slice(0, -6), id: chunk.id, text: "", state: "streaming" })
      break
    case "text-delta":
    case "reasoning-delta":
      last(chunk.type.slice(0, -6)).text += chunk.delta
      break
    case "text-end":
    case "reasoning-end": {
      const { id: _, ...part } = last(chunk.type.slice(0, -4))
      parts[parts.indexOf(last(chunk.type.slice(0, -4)))] = {
        ...part,
        state: "done",
        providerMetadata: chunk.providerMetadata
      }
      break
    }
    case "tool-input-start":
      parts.push({
        type: "dynamic-tool",
        toolName: chunk.toolName,
        toolCallId: chunk.toolCallId,
        state: "input-streaming"
      })
      break
    case "tool-input-available": {
      if (call() === undefined) {
        parts.push({ type: "dynamic-tool", toolName: chunk.toolName, toolCallId: chunk.toolCallId })
      }
      Object.assign(call(), {
        state: "input-available",
        input: chunk.input,
        callProviderMetadata: chunk.providerMetadata
      })
      break
    }
    case "tool-input-error":
      Object.assign(call(), { state: "output-error", input: chunk.input, errorText: chunk.errorText })
      break
    case "tool-approval-request":
      Object.assign(call(), { state: "approval-requested", approval: { id: chunk.approvalId } })
      break
    case "tool-approval-response": {
      const part = parts.find(({ approval }) => approval?.id === chunk.approvalId)
      Object.assign(part, { state: "approval-responded", approval: { id: chunk.approvalId, approved: chunk.approved } })
      break
    }
    case "tool-output-available":
      Object.assign(call(), {
        state: "output-available",
        output: chunk.output,
        resultProviderMetadata: chunk.providerMetadata
      })
      break
    case "tool-output-error":
      Object.assign(call(), { state: "output-error", errorText: chunk.errorText })
      break
    case "tool-output-denied":
      Object.assign(call(), { state: "output-denied" })
      break
    case "source-url":
    case "source-document":
    case "file":
      parts.push(chunk)
      break
    case "finish":
    case "message-metadata":
      message.metadata = { ...message.metadata, ...chunk.messageMetadata }
      break
    case "error":
      error = chunk.errorText
      break
  }
}

/** Reads the events of a response into the last message, or into a new one. Without its last event it was cut. */
const read = async (response, message) => {
  let text = ""
  let isWhole = false
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece
    const frames = text.split("\n\n")
    text = frames.pop()
    for (const frame of frames) {
      if (!frame.startsWith("data: ")) continue
      const data = frame.slice(6)
      if (data === "[DONE]") isWhole = true
      else apply(message, JSON.parse(data))
    }
    if (!messages.includes(message)) messages.push(message)
    render()
  }
  if (!isWhole) throw new Error("The connection was lost.")
}

const empty = () => ({ id: "", role: "assistant", parts: [] })

/** Runs a request to the end of its stream; what arrived before a failure stays. */
const run = async (request, message) => {
  isRunning = true
  error = undefined
  render()
  try {
    const response = await request()
    if (response.status === 204) return
    if (!response.ok) throw new Error(await response.text())
    await read(response, message)
  } catch (failure) {
    error = failure.message
  } finally {
    isRunning = false
    render()
  }
  await answerForPage()
}

/** Sends the conversation. One that ends with an answer goes on with it. */
const send = () =>
  run(
    () =>
      fetch("/api/chat", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ id: chatId, messages, trigger: "submit-message" })
      }),
    messages.at(-1).role === "assistant" ? messages.at(-1) : empty()
  )

/** The stream of a turn that runs, from its first chunk; none after the end. */
const resume = () => {
  const replayed = empty()
  return run(async () => {
    const response = await fetch(`/api/chat/${encodeURIComponent(chatId)}/stream`)
    // The replay has the whole message: it takes the place of what is there.
    if (response.status === 200 && messages.at(-1)?.role === "assistant") messages.pop()
    return response
  }, replayed)
}

const stop = () => fetch(`/api/chat/${encodeURIComponent(chatId)}/stream`, { method: "DELETE" })

// ---- Tools of the page, and approvals

/** The tools that this page runs, by name. */
const own = {
  get_local_time: () => ({ time: new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) })
}

const calls = () =>
  (messages.at(-1)?.role === "assistant" ? messages.at(-1).parts : []).filter(({ type }) => type === "dynamic-tool")

const answerForPage = async () => {
  const waiting = calls().filter(({ state, toolName }) => state === "input-available" && Object.hasOwn(own, toolName))
  if (error !== undefined || waiting.length === 0) return
  for (const part of waiting) Object.assign(part, { state: "output-available", output: own[part.toolName](part.input) })
  await send()
}

const decide = async (part, approved) => {
  Object.assign(part, { state: "approval-responded", approval: { ...part.approval, approved } })
  if (calls().some(({ state }) => state === "approval-requested")) return render()
  await send()
}

// ---- What is shown

/** An element with properties and children; text is never read as HTML. */
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children.filter((child) => child !== undefined))
  return made
}

const states = {
  "input-streaming": ["busy", "is being called"],
  "input-available": ["busy", "is at work"],
  "approval-requested": ["asks", "asks for your approval"],
  "approval-responded": ["busy", "was answered"],
  "output-available": ["done", "is done", "✓"],
  "output-error": ["failed", "failed", "✕"],
  "output-denied": ["failed", "was not allowed", "✕"]
}

const words = (name) => name.replace(/[_-]+/g, " ")

/** Fields, one a line. */
const lines = (fields) =>
  Object.entries(fields ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value, null, 2)}`)
    .join("\n")

const showTool = (part) => {
  const [kind, says, mark = kind === "asks" ? "?" : ""] = states[part.state] ?? ["busy", part.state]
  const name = words(part.toolName)
  const details = element(
    "details",
    { className: `tool ${kind}`, open: kind === "asks" },
    element(
      "summary",
      {},
      element("span", { className: "mark", textContent: mark }),
      element("span", { textContent: `${name} ${says}` })
    ),
    element("pre", {
      textContent: kind === "asks" ? lines(part.input) : lines({ ...part.input, "→": part.output ?? part.errorText })
    })
  )
  if (part.state !== "approval-requested" || isRunning) return details
  details.append(element(
    "div",
    { className: "ask" },
    element("button", {
      type: "button",
      className: "yes",
      textContent: "Yes, do it",
      onclick: () => decide(part, true)
    }),
    element("button", { type: "button", textContent: "No", onclick: () => decide(part, false) })
  ))
  return details
}

const showPart = (part) => {
  if (part.type === "text") {
    return element("p", {
      textContent: part.text.trim(),
      className: part.state === "streaming" && isRunning ? "writing" : ""
    })
  }
  if (part.type === "reasoning") return element("p", { className: "thought", textContent: part.text })
  if (part.type === "dynamic-tool") return showTool(part)
  if (part.type === "file" && part.mediaType.startsWith("image/")) return element("img", { src: part.url, alt: "" })
}

const showSources = (parts) => {
  const sources = parts.filter(({ type }) => type === "source-url" || type === "source-document")
  if (sources.length === 0) return undefined
  return element(
    "ul",
    { className: "sources", ariaLabel: "Sources" },
    ...sources.map((part) =>
      element(
        "li",
        {},
        part.type === "source-url" && /^https?:/.test(part.url)
          ? element("a", { href: part.url, target: "_blank", rel: "noreferrer", textContent: part.title ?? part.url })
          : element("span", { textContent: part.title })
      )
    )
  )
}

const show = (message) => {
  if (message.role === "user") {
    return element("div", { className: "user", textContent: message.parts.map(({ text }) => text ?? "").join("") })
  }
  const { cost, usage } = message.metadata ?? {}
  const spent = usage && `${usage.totalTokens} tokens${cost ? ` · $${cost.total.toFixed(6)}` : ""}`
  return element(
    "article",
    { className: "assistant" },
    ...message.parts.map(showPart),
    showSources(message.parts),
    spent && element("div", { className: "spent", textContent: spent })
  )
}

const shown = new Map()

/** Shows what has changed: a message is built again when its data is another. */
const render = () => {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80
  const elements = messages.map((message, index) => {
    const key = JSON.stringify([message, index === messages.length - 1 && isRunning])
    const known = shown.get(index)
    if (known?.key === key) return known.element
    const made = show(message)
    // What the reader has opened stays open.
    const before = [...known?.element.querySelectorAll("details:not(.asks)") ?? []]
    made.querySelectorAll("details:not(.asks)").forEach((details, at) => details.open = before[at]?.open ?? false)
    shown.set(index, { key, element: made })
    return made
  })
  if (elements.length === 0) {
    elements.push(
      element("p", { className: "empty", textContent: "Ask about the rules, reserve a book, or ask what time it is." })
    )
  }
  if (isRunning && messages.at(-1)?.role === "user") {
    elements.push(element("p", { className: "note", textContent: "Thinking…" }))
  }
  if (error !== undefined) {
    elements.push(element(
      "p",
      { className: "error", role: "alert", textContent: `${error} ` },
      element("button", { type: "button", className: "quiet", textContent: "Try again", onclick: retry })
    ))
  }
  log.replaceChildren(...elements)
  if (isAtEnd) log.scrollTop = log.scrollHeight
  $("send").hidden = isRunning
  $("stop").hidden = !isRunning
  $("ideas").hidden = messages.length > 0
}

const retry = async () => {
  await resume()
  if (error === undefined && messages.at(-1)?.role === "user") await send()
}

// ---- What the user does

const ask = (text) => {
  if (text === "" || isRunning) return
  messages.push({ id: newId(), role: "user", parts: [{ type: "text", text }] })
  $("text").value = ""
  render()
  log.scrollTop = log.scrollHeight
  void send()
}

$("form").onsubmit = (event) => {
  event.preventDefault()
  ask($("text").value.trim())
}
$("text").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return
  event.preventDefault()
  ask($("text").value.trim())
}
$("stop").onclick = stop
$("fresh").onclick = async () => {
  if (isRunning) await stop()
  chatId = newId()
  localStorage.setItem("chat", chatId)
  messages = []
  error = undefined
  shown.clear()
  render()
  $("text").focus()
}
for (const idea of $("ideas").children) idea.onclick = () => ask(idea.textContent)

// What the server has of the conversation, and the turn that runs.
render()
const stored = await fetch(`/api/chat/${encodeURIComponent(chatId)}/messages`)
if (stored.ok) messages = await stored.json()
render()
await resume()
