/** What calls of one model will draw, learned from what earlier ones drew. */
import type * as Quota from "../../Quota.ts"

/** `reserved`: what the provider reserves, `least` at least, since estimates are rather too high; `amount`: what we reserve. */
export interface Demand {
  readonly inputTokens: number
  readonly reserved: number
  readonly least: number
  readonly amount: number
}

export type QuotaForecast = ReturnType<typeof make>

/**
 * Builds a forecast that has learned nothing yet.
 *
 * Bedrock reserves prompt and `maxTokens`, and settles prompt and output, the latter multiplied by the burndown of the
 * model. The larger of the two is reserved here: prompt and `maxTokens`, or prompt and the expected output times its
 * burndown. Expected is the mean of earlier outputs and twice their mean deviation; half of `maxTokens` before any.
 *
 * An estimated prompt is multiplied by the ratio of counts to estimates seen before. The ratio rises at once and falls
 * slowly, so that a few short prompts do not make the estimate of a long one too low.
 */
export const make = () => {
  let prompts = 0
  let ratio = 1
  let outputs = 0
  let mean = 0
  let deviation = 0

  return {
    demand: ({ counted = false, ...load }: Quota.Load, outputBurndown: number): Demand => {
      const estimated = whole(load.inputTokens)
      const outputTokens = whole(load.outputTokens)
      const isLearned = prompts > 0
      const inputTokens = counted || !isLearned ? estimated : Math.ceil(estimated * ratio * margin)
      const least = counted ? estimated : Math.floor(estimated * (isLearned ? ratio / margin : surelyAbove))
      const expected = outputs > 0 ? Math.min(outputTokens, mean + 2 * deviation) : outputTokens / 2
      return {
        inputTokens,
        reserved: inputTokens + outputTokens,
        least: least + outputTokens,
        amount: inputTokens + Math.max(outputTokens, Math.ceil(expected * outputBurndown))
      }
    },
    learn: (load: Quota.Load, { inputTokens, outputTokens, promptTokens = inputTokens }: Quota.Consumption): void => {
      if (load.counted !== true && load.inputTokens > 0) {
        const seen = Math.min(most, Math.max(1 / most, (promptTokens + smoothing) / (load.inputTokens + smoothing)))
        prompts++
        ratio = seen > ratio ? seen : ratio + (seen - ratio) * Math.max(slow, 1 / (prompts + 3))
      }
      if (load.outputTokens > 0) {
        // The first output is the mean, and deviates by half of it.
        deviation = outputs === 0 ? outputTokens / 2 : deviation + (Math.abs(outputTokens - mean) - deviation) / 4
        mean = outputs === 0 ? outputTokens : mean + (outputTokens - mean) / 8
        outputs++
      }
    }
  }
}

const margin = 1.1

/** An estimate is hardly ever more than 1.5 times the count. */
const surelyAbove = 1 / 1.5

/** Tokens added to both sides of a ratio: short prompts vary more, and matter less. */
const smoothing = 100

/** No ratio is larger, nor its inverse. */
const most = 5

/** The share by which the ratio falls with each call, in the long run. */
const slow = 1 / 32

const whole = (tokens: number): number => Number.isFinite(tokens) ? Math.max(0, Math.ceil(tokens)) : 0
