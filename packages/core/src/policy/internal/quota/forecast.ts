/**
 * What calls of one model will draw, learned from what earlier ones drew.
 */
import type * as Quota from "../../Quota.ts"

/**
 * - `inputTokens`: of the prompt.
 * - `setAside`: what the provider sets aside, and `least` what it is sure to set aside: the estimate of a prompt is rather
 *   too high.
 * - `amount`: what is set aside here.
 */
export interface Demand {
  readonly inputTokens: number
  readonly setAside: number
  readonly least: number
  readonly amount: number
}

/** Two numbers and their spread, whatever the number of calls. */
export interface QuotaForecast {
  readonly demand: (load: Quota.Load, outputBurndown: number) => Demand
  readonly learn: (load: Quota.Load, consumption: Quota.Consumption) => void
}

/**
 * Builds a forecast that has learned nothing yet.
 *
 * Bedrock sets prompt and `maxTokens` aside, and takes prompt and output in the end, the latter several times over where
 * the model has a burndown. Then what it takes may be more than what it set aside, while the call is running and nothing
 * can be held back any more. So the larger of the two is set aside here: prompt and `maxTokens`, or prompt and the output
 * to expect times its burndown. What to expect is the mean of earlier outputs and twice their mean deviation, `maxTokens`
 * at most; half of `maxTokens` before there was any.
 *
 * An estimated prompt is multiplied by how much estimates were off before. That rises at once to what was seen and sinks
 * slowly, so that a few short prompts do not make a long one look small.
 */
export const make = (): QuotaForecast => {
  let prompts = 0
  let ratio = 1
  let outputs = 0
  let mean = 0
  let deviation = 0

  return {
    demand: (load, outputBurndown) => {
      const estimated = whole(load.inputTokens)
      const outputTokens = whole(load.outputTokens)
      const learned = prompts > 0
      const inputTokens = load.counted === true || !learned ? estimated : Math.ceil(estimated * ratio * margin)
      const least = load.counted === true
        ? estimated
        : Math.floor(estimated * (learned ? ratio / margin : surelyAbove))
      const expected = outputs > 0 ? Math.min(outputTokens, mean + 2 * deviation) : outputTokens / 2
      return {
        inputTokens,
        setAside: inputTokens + outputTokens,
        least: least + outputTokens,
        amount: inputTokens + Math.max(outputTokens, Math.ceil(expected * outputBurndown))
      }
    },
    learn: (load, { inputTokens, outputTokens, promptTokens = inputTokens }) => {
      if (load.counted !== true && load.inputTokens > 0) {
        const seen = Math.min(most, Math.max(1 / most, (promptTokens + ballast) / (load.inputTokens + ballast)))
        prompts++
        ratio = seen > ratio ? seen : ratio + (seen - ratio) * Math.max(slow, 1 / (prompts + 3))
      }
      if (load.outputTokens > 0) {
        outputs++
        if (outputs === 1) {
          mean = outputTokens
          deviation = outputTokens / 2
        } else {
          deviation += (Math.abs(outputTokens - mean) - deviation) / 4
          mean += (outputTokens - mean) / 8
        }
      }
    }
  }
}

/** Above what was learned. */
const margin = 1.1

/** An estimate is hardly ever half as much again as the truth. */
const surelyAbove = 1 / 1.5

/** Tokens added to both sides of a ratio: short prompts vary more, and matter less. */
const ballast = 100

/** No ratio is larger, nor its inverse. */
const most = 5

/** The share by which the ratio sinks with each call, in the long run. */
const slow = 1 / 32

const whole = (tokens: number): number => Number.isFinite(tokens) ? Math.max(0, Math.ceil(tokens)) : 0
