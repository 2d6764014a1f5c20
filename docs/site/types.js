// Shows the type behind an identifier of a code block: at the pointer, or where it is tapped.
{
  const box = document.createElement("div")
  box.className = "type-box not-content"
  box.setAttribute("role", "tooltip")
  box.hidden = true
  let shown
  let timer

  const hide = () => {
    box.hidden = true
    shown = undefined
  }

  const show = (token) => {
    clearTimeout(timer)
    if (token === shown) return
    const types = token.closest(".expressive-code")?.querySelector(".types")
    const type = types?.children[Number(token.dataset.type)]
    if (type === undefined) return
    if (!box.isConnected) document.body.append(box)
    shown = token
    box.replaceChildren(...type.cloneNode(true).childNodes)
    box.hidden = false
    box.scrollTop = 0
    // Within the window: below the token, or above it where there is more room.
    const edge = 8
    const at = token.getClientRects()[0]
    const width = document.documentElement.clientWidth
    const height = window.innerHeight
    const below = height - at.bottom - edge
    const above = at.top - edge
    const under = box.scrollHeight <= below || below >= above
    box.style.maxHeight = Math.min(under ? below : above, height * 0.5) + "px"
    box.style.left = Math.max(edge, Math.min(at.left, width - box.offsetWidth - edge)) + "px"
    box.style.top = (under ? at.bottom + 4 : at.top - box.offsetHeight - 4) + "px"
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch" || !(event.target instanceof Element)) return
    const token = event.target.closest(".typed")
    if (token !== null) {
      clearTimeout(timer)
      timer = setTimeout(show, shown === undefined ? 120 : 40, token)
    } else if (event.target.closest(".type-box") !== null) clearTimeout(timer)
    else if (shown !== undefined || timer !== undefined) {
      clearTimeout(timer)
      timer = setTimeout(hide, 150)
    }
  })
  document.addEventListener("click", (event) => {
    const token = event.target instanceof Element ? event.target.closest(".typed") : null
    if (token !== null) show(token)
    else if (!box.contains(event.target)) hide()
  })
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide()
  })
  addEventListener("scroll", (event) => {
    if (event.target !== box) hide()
  }, { capture: true, passive: true })
}
