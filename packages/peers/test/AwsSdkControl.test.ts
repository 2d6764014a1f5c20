import * as Sdk from "@aws-sdk/client-bedrock"
import { assert, layer } from "@effect/vitest"
import { Emulator, Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Bedrock from "./support/Bedrock.ts"

const { claude, nova } = Bedrock

const application = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/team-a"

const live = Bedrock.layer({
  regions: ["us-east-1", "eu-west-1"],
  applicationProfiles: { [application]: claude },
  models: [Model.chat("acme.retired-v1", { lifecycle: "end-of-life" })]
})

/** The client of the control plane, in a region. */
const connect = Effect.fnUntraced(function*(region: string = Bedrock.region) {
  const { url } = yield* Emulator.Emulator
  const { keys } = Bedrock
  return yield* Effect.acquireRelease(
    Effect.sync(() => new Sdk.BedrockClient({ region, endpoint: url, credentials: keys, maxAttempts: 1 })),
    (client) => Effect.sync(() => client.destroy())
  )
})

layer(live)("@aws-sdk/client-bedrock", (it) => {
  it.effect("lists the foundation models of a region", () =>
    Effect.gen(function*() {
      const client = yield* connect("eu-west-1")
      const { modelSummaries = [] } = yield* Bedrock.attempt(() => client.send(new Sdk.ListFoundationModelsCommand({})))
      assert.isAbove(modelSummaries.length, 50)
      const found = modelSummaries.find(({ modelId }) => modelId === nova)
      assert.deepStrictEqual(found, {
        modelArn: `arn:aws:bedrock:eu-west-1::foundation-model/${nova}`,
        modelId: nova,
        modelName: "Nova Lite",
        providerName: "Amazon",
        inputModalities: ["TEXT", "IMAGE", "VIDEO"] as Array<Sdk.ModelModality>,
        outputModalities: ["TEXT"],
        responseStreamingSupported: true,
        customizationsSupported: [],
        inferenceTypesSupported: ["ON_DEMAND", "INFERENCE_PROFILE"] as Array<Sdk.InferenceType>,
        modelLifecycle: { status: "ACTIVE" }
      })
      assert.isUndefined(modelSummaries.find(({ modelId }) => modelId === "acme.retired-v1"))
    }))

  it.effect("filters foundation models, and refuses an unknown value", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const ids = (query: Sdk.ListFoundationModelsRequest) =>
        Effect.map(
          Bedrock.attempt(() => client.send(new Sdk.ListFoundationModelsCommand(query))),
          ({ modelSummaries = [] }) => modelSummaries.map(({ modelId }) => modelId ?? "")
        )
      assert.include(yield* ids({ byOutputModality: "EMBEDDING" }), "amazon.titan-embed-text-v2:0")
      assert.notInclude(yield* ids({ byOutputModality: "EMBEDDING" }), nova)
      assert.isTrue((yield* ids({ byProvider: "anthropic" })).every((id) => id.startsWith("anthropic.")))
      assert.notInclude(yield* ids({ byInferenceType: "ON_DEMAND" }), claude.slice("us.".length))
      const wrong = yield* Bedrock.thrownBy(() =>
        client.send(new Sdk.ListFoundationModelsCommand({ byOutputModality: "SMELL" as Sdk.ModelModality }))
      )
      assert.instanceOf(wrong, Sdk.ValidationException)
      assert.include(wrong.message, "Value 'SMELL' at 'byOutputModality'")
    }))

  it.effect("describes a foundation model by id and by ARN", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      for (const modelIdentifier of [nova, `arn:aws:bedrock:us-east-1::foundation-model/${nova}`]) {
        const { modelDetails } = yield* Bedrock.attempt(() =>
          client.send(new Sdk.GetFoundationModelCommand({ modelIdentifier }))
        )
        assert.strictEqual(modelDetails?.modelId, nova)
      }
      for (
        const modelIdentifier of [
          "acme.none-v1",
          "acme.retired-v1",
          `arn:aws:bedrock:eu-west-1::foundation-model/${nova}`
        ]
      ) {
        const error = yield* Bedrock.thrownBy(() => client.send(new Sdk.GetFoundationModelCommand({ modelIdentifier })))
        assert.instanceOf(error, Sdk.ResourceNotFoundException, modelIdentifier)
      }
    }))

  it.effect("lists the inference profiles of a region's geography, page by page", () =>
    Effect.gen(function*() {
      const all = Effect.fnUntraced(function*(region: string, typeEquals?: Sdk.InferenceProfileType) {
        const client = yield* connect(region)
        const query = typeEquals === undefined ? {} : { typeEquals }
        return yield* Bedrock.attempt(async () => {
          const found: Array<Sdk.InferenceProfileSummary> = []
          for await (const page of Sdk.paginateListInferenceProfiles({ client, pageSize: 10 }, query)) {
            assert.isAtMost(page.inferenceProfileSummaries?.length ?? 0, 10)
            found.push(...page.inferenceProfileSummaries ?? [])
          }
          return found
        })
      })
      const geographies = (profiles: ReadonlyArray<Sdk.InferenceProfileSummary>) =>
        [...new Set(profiles.map(({ inferenceProfileId = "" }) => inferenceProfileId.split(".")[0] ?? ""))].toSorted()
      const east = yield* all("us-east-1", "SYSTEM_DEFINED")
      assert.isAbove(east.length, 20)
      assert.deepStrictEqual(geographies(east), ["global", "us"])
      assert.deepStrictEqual(geographies(yield* all("eu-west-1", "SYSTEM_DEFINED")), ["eu", "global"])
      const [team, ...others] = yield* all("us-east-1", "APPLICATION")
      assert.deepStrictEqual(others, [])
      assert.strictEqual(team?.inferenceProfileArn, application)
    }))

  it.effect("describes an inference profile by id and by ARN, with the models behind it", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const get = (inferenceProfileIdentifier: string) =>
        Bedrock.attempt(() => client.send(new Sdk.GetInferenceProfileCommand({ inferenceProfileIdentifier })))
      const profile = yield* get(claude)
      assert.deepInclude(profile, { inferenceProfileId: claude, status: "ACTIVE", type: "SYSTEM_DEFINED" })
      assert.instanceOf(profile.createdAt, Date)
      assert.deepStrictEqual(
        profile.models,
        ["us-east-1", "us-east-2", "us-west-2"].map((region) => ({
          modelArn: `arn:aws:bedrock:${region}::foundation-model/${claude.slice("us.".length)}`
        }))
      )
      assert.strictEqual((yield* get(profile.inferenceProfileArn ?? "")).inferenceProfileId, claude)
      assert.strictEqual((yield* get(application)).type, "APPLICATION")
      const error = yield* Bedrock.thrownBy(() =>
        client.send(new Sdk.GetInferenceProfileCommand({ inferenceProfileIdentifier: claude.replace("us", "eu") }))
      )
      assert.instanceOf(error, Sdk.ResourceNotFoundException)
    }))

  it.effect("is counted, authenticated and struck by faults like the runtime", () =>
    Effect.gen(function*() {
      const { inject, statistics } = yield* Emulator.Emulator
      const client = yield* connect()
      const list = () => client.send(new Sdk.ListFoundationModelsCommand({}))
      const before = (yield* statistics).byOperation.ListFoundationModels
      yield* inject({ type: "throttle", operation: "ListFoundationModels" })
      assert.instanceOf(yield* Bedrock.thrownBy(list), Sdk.ThrottlingException)
      yield* Bedrock.attempt(list)
      assert.strictEqual((yield* statistics).byOperation.ListFoundationModels, before + 2)
      const stranger = new Sdk.BedrockClient({
        region: Bedrock.region,
        endpoint: (yield* Emulator.Emulator).url,
        credentials: { ...Bedrock.keys, secretAccessKey: "wrong" },
        maxAttempts: 1
      })
      const error = yield* Bedrock.thrownBy(() => stranger.send(new Sdk.ListFoundationModelsCommand({})))
      assert.strictEqual(Object(error).name, "InvalidSignatureException")
    }))
})
