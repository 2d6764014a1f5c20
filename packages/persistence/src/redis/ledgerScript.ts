/**
 * The script of a ledger in Redis: in Lua, what core's ledger in memory does for one key, with the same names.
 *
 * It is atomic and begins with the time of the server, so processes whose clocks differ agree. A key of the ledger is eight
 * keys in Redis: `account`, a hash of its state and of the slots of its windows; `held`, the reservations, and
 * `held_until`, their leases; `waiters`, the places by share and arrival, `waiters_until`, their leases, and `demands`, what
 * they wait for; `heads`, the first place of each share by start tag, and `finished`, the tags of shares without a place.
 * Fractions are kept as MessagePack and answered as texts of 17 digits: both lose nothing.
 */
import type * as Ledger from "@strata/core/state/Ledger"

/** A limit in a request; durations are milliseconds. */
export type Limit = Omit<Ledger.Limit, "window"> & { readonly window: number }

/** The first argument after the operation, as JSON; ids follow, or an id and its share. `impossible` names a limit that is too small. */
export interface Request {
  readonly amounts?: Ledger.Amounts
  readonly lease?: number
  readonly age?: number
  readonly impossible?: string | undefined
  /** What the share is charged for it, in the order of the queue. */
  readonly cost?: number
  readonly limits: ReadonlyArray<Limit>
}

/** What stands for an infinite time, in milliseconds: some thirty thousand years. */
export const endless = 1e15

/** The keys in Redis of one key. */
export const suffixes = [
  "account",
  "held",
  "held_until",
  "waiters",
  "waiters_until",
  "demands",
  "heads",
  "finished"
] as const

/** Shares without a place, and ahead of the virtual time: so many are remembered. */
const mostFinished = 1_000

const serverTime = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
`

/** The script, after a clock that puts the time into `now`, in milliseconds. */
export const lua = (clock: string = serverTime): string => clock + script

const script = `
local unpack = table.unpack or unpack
local account, held, held_until, waiters, waiters_until, demands, heads, finished = unpack(KEYS)
local operation, request, id = ARGV[1], cjson.decode(ARGV[2]), ARGV[3]
local poll, farthest, tolerance, endless, never = 100, 10, 1e-12, ${endless}, math.huge

local stored = redis.call('HGET', account, 'state')
local state = stored and cmsgpack.unpack(stored) or { arrivals = 0, lease = 0, reserved = {}, virtual = 0, windows = {} }
local in_flight = redis.call('HLEN', held)
local waiting = redis.call('ZCARD', waiters)
local reserved = in_flight > 0 and state.reserved or {}

local function text(number)
  return string.format('%.17g', number)
end

local function slots(window)
  local prefix = window.name .. ' '
  local fields = redis.call('HGETALL', account)
  local found = {}
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, #prefix) == prefix then
      local amount, newest = cmsgpack.unpack(fields[i + 1])
      table.insert(found, { field = fields[i], amount = amount, newest = newest })
    end
  end
  return found
end

local function window_of(limit)
  local name = limit.window .. ' ' .. limit.unit
  if not state.windows[name] then
    state.windows[name] = { name = name, millis = limit.window, unit = limit.unit, total = 0, next_leave = never }
  end
  return state.windows[name]
end

-- The total of a window, without what has left by now. No slot leaves before next_leave.
local function spent(window)
  if window.next_leave > now then return window.total end
  window.total, window.next_leave = 0, never
  for _, slot in ipairs(slots(window)) do
    local leaves = slot.newest + window.millis
    if leaves <= now then
      redis.call('HDEL', account, slot.field)
    else
      window.total = window.total + slot.amount
      window.next_leave = math.min(window.next_leave, leaves)
    end
  end
  return window.total
end

local function enter(window, at, amount)
  if at + window.millis <= now then return end
  spent(window)
  local field = window.name .. ' ' .. string.format('%.0f', math.floor(at / (window.millis / 60)))
  local sum, newest = 0, at
  local slot = redis.call('HGET', account, field)
  if slot then sum, newest = cmsgpack.unpack(slot) end
  redis.call('HSET', account, field, cmsgpack.pack(sum + amount, math.max(newest, at)))
  window.total = window.total + amount
  window.next_leave = math.min(window.next_leave, at + window.millis)
end

local function leaving(window, amount)
  local left = 0
  local found = slots(window)
  table.sort(found, function(a, b) return a.newest < b.newest end)
  for _, slot in ipairs(found) do
    left = left + slot.amount
    if left >= amount * (1 - tolerance) then return slot.newest + window.millis end
  end
  return never
end

local function excess(amounts, limit)
  local drawn = (reserved[limit.unit] or 0) + (amounts[limit.unit] or 0)
  local over = spent(window_of(limit)) + drawn - limit.amount
  return over > limit.amount * tolerance and over or 0
end

local function has_room(amounts, limits)
  for _, limit in ipairs(limits) do
    if excess(amounts, limit) > 0 then return false end
  end
  return true
end

local function take(id)
  local reservation = redis.call('HGET', held, id)
  if not reservation then return nil end
  local at, amounts = cmsgpack.unpack(reservation)
  redis.call('HDEL', held, id)
  redis.call('ZREM', held_until, id)
  in_flight = in_flight - 1
  for unit, amount in pairs(amounts) do reserved[unit] = (reserved[unit] or 0) - amount end
  -- Sums of fractions leave dust behind.
  if in_flight == 0 then reserved = {} end
  return at
end

local function hold(id, amounts, ends)
  redis.call('HSET', held, id, cmsgpack.pack(now, amounts))
  redis.call('ZADD', held_until, text(ends), id)
  in_flight = in_flight + 1
  for unit, amount in pairs(amounts) do reserved[unit] = (reserved[unit] or 0) + amount end
end

local function renew(id, ends)
  if redis.call('HEXISTS', held, id) == 0 then return false end
  redis.call('ZADD', held_until, text(ends), id)
  return true
end

-- A share and what stands before its places: no prefix begins with another one.
local function prefix_of(share)
  return #share .. ':' .. share .. ':'
end

-- A place within its share, in the order of texts: its arrival and its id.
local function place_of(arrival, id)
  return string.format('%016.0f', arrival) .. id
end

local function id_of(place)
  return string.sub(place, 17)
end

local function first_of(share)
  local prefix = prefix_of(share)
  local first = redis.call('ZRANGEBYLEX', waiters, '[' .. prefix, '(' .. prefix .. string.char(255), 'LIMIT', 0, 1)[1]
  return first and string.sub(first, #prefix + 1)
end

local function demand_of(id)
  local stored = redis.call('HGET', demands, id)
  if not stored then return nil end
  local arrival, share, demand = cmsgpack.unpack(stored)
  return arrival, share, demand
end

-- The start tag of a share that begins to wait.
local function tag_of(share)
  return math.max(state.virtual, tonumber(redis.call('ZSCORE', finished, share) or 0))
end

-- Remembers the tag of a share that does not wait, unless the virtual time has passed it.
local function finish(share, tag)
  redis.call('ZREMRANGEBYSCORE', finished, '-inf', text(state.virtual))
  if tag > state.virtual then
    redis.call('ZADD', finished, text(tag), share)
    redis.call('ZREMRANGEBYRANK', finished, 0, -${mostFinished + 1})
  end
end

-- Takes a place out of the queue; its share is charged for what is granted.
local function drop(id, cost)
  local arrival, share = demand_of(id)
  if not arrival then return end
  local place = place_of(arrival, id)
  redis.call('ZREM', waiters, prefix_of(share) .. place)
  redis.call('ZREM', waiters_until, id)
  redis.call('HDEL', demands, id)
  waiting = waiting - 1
  local tag = tonumber(redis.call('ZSCORE', heads, place) or nil)
  if not tag then return end
  redis.call('ZREM', heads, place)
  if cost then
    state.virtual = math.max(state.virtual, tag)
    tag = tag + cost
  end
  local first = first_of(share)
  if first then redis.call('ZADD', heads, text(tag), first) else finish(share, tag) end
end

local function enqueue(id, share, ends)
  local arrival, known = demand_of(id)
  if arrival then
    share = known
  else
    state.arrivals = state.arrivals + 1
    arrival = state.arrivals
    redis.call('ZADD', waiters, 0, prefix_of(share) .. place_of(arrival, id))
    waiting = waiting + 1
  end
  redis.call('ZADD', waiters_until, text(ends), id)
  redis.call('HSET', demands, id, cmsgpack.pack(arrival, share, ARGV[2]))
  local first = first_of(share)
  if not redis.call('ZSCORE', heads, first) then
    redis.call('ZADD', heads, text(tag_of(share)), first)
    redis.call('ZREM', finished, share)
  end
end

-- How many shares, and places of its own share, are before a place; nil where it does not wait.
local function places_before(id)
  local arrival, share = demand_of(id)
  if not arrival then return nil end
  local prefix = prefix_of(share)
  local others = redis.call('ZRANK', heads, first_of(share)) or 0
  return others + redis.call('ZLEXCOUNT', waiters, '[' .. prefix, '(' .. prefix .. place_of(arrival, id))
end

-- Releases what has expired, and grants the head of the queue.
local function advance()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', held_until, '-inf', text(now))) do take(id) end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', waiters_until, '-inf', text(now))) do drop(id) end
  while waiting > 0 do
    local place = redis.call('ZRANGE', heads, 0, 0)[1]
    if not place then return end
    local id = id_of(place)
    local _, _, stored = demand_of(id)
    local demand = cjson.decode(stored)
    if not has_room(demand.amounts, demand.limits) then return end
    local ends = tonumber(redis.call('ZSCORE', waiters_until, id))
    drop(id, demand.cost)
    hold(id, demand.amounts, ends)
  end
end

local function obstacle(amounts, limits)
  local longest, name = 0, ''
  for _, limit in ipairs(limits) do
    local over = excess(amounts, limit)
    if over > 0 then
      local millis = leaving(window_of(limit), over) - now
      if (reserved[limit.unit] or 0) > 0 then millis = math.min(millis, poll) end
      if millis > longest then longest, name = millis, limit.name end
    end
  end
  return math.min(longest, endless), name
end

-- Each answers a tag, how long to wait, and the name of a limit.
local operations = {}

function operations.reserve()
  local ends = now + request.lease
  advance()
  if renew(id, ends) then return 'granted' end
  if request.impossible then
    drop(id)
    advance()
    return 'never', 0, request.impossible
  end
  local share = ARGV[4]
  if waiting == 0 and has_room(request.amounts, request.limits) then
    hold(id, request.amounts, ends)
    if share then
      local tag = tag_of(share)
      state.virtual = tag
      finish(share, tag + request.cost)
    end
    return 'granted'
  end
  enqueue(id, share or '', ends)
  advance()
  local places = places_before(id)
  if not places then return 'granted' end
  if places > 0 then return 'wait', math.min(places, farthest) * poll, 'queue' end
  return 'wait', obstacle(request.amounts, request.limits)
end

function operations.settle()
  advance()
  local at = take(id) or now - request.age
  drop(id)
  for _, limit in ipairs(request.limits) do
    if (request.amounts[limit.unit] or 0) > 0 then window_of(limit) end
  end
  for _, window in pairs(state.windows) do
    local amount = request.amounts[window.unit] or 0
    if amount > 0 then enter(window, at, amount) end
  end
  advance()
end

function operations.leave()
  take(id)
  drop(id)
  advance()
end

function operations.renew()
  advance()
  for i = 3, #ARGV do renew(ARGV[i], now + request.lease) end
end

function operations.balances()
  advance()
end

state.virtual = state.virtual or 0
state.lease = math.max(state.lease, request.lease or 0)
local tag, wait, name = operations[operation]()
local balances = {}
for _, limit in ipairs(request.limits) do
  table.insert(balances, text(spent(window_of(limit))))
  table.insert(balances, text(reserved[limit.unit] or 0))
end

-- The keys expire when nothing could be on them any more.
local keep = state.lease
local is_empty = in_flight == 0 and waiting == 0
for _, window in pairs(state.windows) do
  spent(window)
  keep = math.max(keep, window.millis)
  is_empty = is_empty and window.next_leave == never
end
if is_empty then
  redis.call('DEL', account, finished)
else
  state.reserved = reserved
  redis.call('HSET', account, 'state', cmsgpack.pack(state))
  for _, key in ipairs(KEYS) do
    if keep >= endless then
      redis.call('PERSIST', key)
    else
      redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(keep) + 1000))
    end
  end
end
return { tag or 'done', text(wait or 0), name or '', balances }
`
