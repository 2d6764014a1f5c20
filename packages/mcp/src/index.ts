/** The tools of MCP servers, over stdio and Streamable HTTP, as tools of @strata/core. */
export {}
