import { afterAll } from "@effect/vitest"
import * as Responses from "./samples/Responses.ts"

const stub = await Responses.connect()
afterAll(stub.close)

Responses.suite(stub, 200)
