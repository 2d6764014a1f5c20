// A page as the documentation of the AI SDK writes it. It knows nothing of the server but its address.
import { useChat } from "@ai-sdk/react"
import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls
} from "ai"
import { useState } from "react"
import { createRoot } from "react-dom/client"

const id = new URLSearchParams(location.search).get("id")

const Tool = ({ answer, part }) => (
  <div className="tool">
    <span>{part.toolName}: {part.state}</span>
    {part.state === "approval-requested" && (
      <>
        <button onClick={() => answer({ id: part.approval.id, approved: true })}>Approve</button>
        <button onClick={() => answer({ id: part.approval.id, approved: false })}>Deny</button>
      </>
    )}
    {part.state === "output-available" && <pre>{JSON.stringify(part.output)}</pre>}
  </div>
)

const Page = ({ initial }) => {
  const [input, setInput] = useState("")
  const chat = useChat({
    id,
    messages: initial,
    resume: true,
    transport: new DefaultChatTransport({ api: "/api/chat" }),
    sendAutomaticallyWhen: (options) =>
      lastAssistantMessageIsCompleteWithToolCalls(options) || lastAssistantMessageIsCompleteWithApprovalResponses(options),
    async onToolCall({ toolCall }) {
      if (toolCall.toolName === "get_local_time") {
        chat.addToolOutput({ tool: "get_local_time", toolCallId: toolCall.toolCallId, output: { time: "12:34" } })
      }
    }
  })
  return (
    <main>
      <p id="status">{chat.status}</p>
      {chat.error && <p id="error">{chat.error.message}</p>}
      {chat.messages.map((message) => (
        <section key={message.id} className={message.role}>
          {message.parts.map((part, index) =>
            part.type === "text"
              ? <p key={index}>{part.text}</p>
              : part.type === "source-url"
              ? <a key={index} href={part.url}>{part.title}</a>
              : part.type === "dynamic-tool"
              ? <Tool key={index} part={part} answer={chat.addToolApprovalResponse} />
              : null
          )}
          {message.metadata?.usage && <small>{message.metadata.usage.totalTokens} tokens</small>}
        </section>
      ))}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          chat.sendMessage({ text: input })
          setInput("")
        }}
      >
        <input aria-label="Message" value={input} onChange={(event) => setInput(event.target.value)} />
        <button type="submit">Send</button>
        <button
          type="button"
          onClick={async () => {
            await fetch(`/api/chat/${id}/stream`, { method: "DELETE" })
            await chat.stop()
          }}
        >
          Stop
        </button>
      </form>
    </main>
  )
}

const initial = await (await fetch(`/api/chat/${id}/messages`)).json()
createRoot(document.getElementById("root")).render(<Page initial={initial} />)
