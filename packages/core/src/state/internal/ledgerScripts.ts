/**
 * A ledger in Redis: what {@link LedgerAccount} does, in Lua, with the same names.
 *
 * Each script is atomic and begins with the time of the server, so processes whose clocks differ agree. A key of the
 * ledger is six keys in Redis: `account`, a hash of sums and slots; `held`, the reservations, and `held_until`, their
 * leases; `queue`, the places in order of arrival, `queue_until`, their leases, and `asked`, what they wait for.
 * Fractions travel as texts of 17 digits, which lose nothing, and amounts as `tokens 500 requests 1`.
 */
import type * as LedgerAccount from "./ledgerAccount.ts"
import { farthest, poll, tolerance } from "./ledgerAccount.ts"

/** The names of the operations. */
export type Operation = Exclude<keyof LedgerAccount.LedgerAccount, "adopt" | "isEmpty">

/** The last arguments of each operation: name, amount, window and unit of each limit. */
export const limitArguments = 4

/** What stands for an infinite number or time, in milliseconds: some thirty thousand years. */
export const endless = 1e15

/** The keys in Redis of one key. */
export const suffixes = ["account", "held", "held_until", "queue", "queue_until", "asked"] as const

/** Lua that puts the time of the server into `now`, in milliseconds. */
export const serverTime = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
`

/** The script of an operation, with a clock. */
export const lua = (operation: Operation, clock: string = serverTime): string =>
  [clock, account, operations[operation]].join("\n")

const account = `
local unpack = table.unpack or unpack
local account, held, held_until, queue, queue_until, asked = unpack(KEYS)
local never = 1.7e308

local function text(number)
  return string.format('%.17g', number)
end

local function pair(packed)
  local first, second = string.match(packed, '^(%S+) (%S+)$')
  return tonumber(first), tonumber(second)
end

local function amounts_from(packed)
  local amounts = {}
  for unit, amount in string.gmatch(packed, '(%a+) (%S+)') do amounts[unit] = tonumber(amount) end
  return amounts
end

local function packed_amounts(amounts)
  local parts = {}
  for unit, amount in pairs(amounts) do table.insert(parts, unit .. ' ' .. text(amount)) end
  return table.concat(parts, ' ')
end

local known = redis.call('HMGET', account, 'reserved', 'lease', 'windows')
local in_flight = redis.call('HLEN', held)
local waiting = redis.call('ZCARD', queue)
local reserved = amounts_from(in_flight > 0 and known[1] or '')
local longest_lease = tonumber(known[2] or '0')
local names = known[3] or ''
local windows = {}

-- What finish writes to account, and which other keys live longer by what was done.
local writes = {}
local touched = {}

local function write(field, value)
  table.insert(writes, field)
  table.insert(writes, value)
end

local function slots(window)
  local prefix = 'slot ' .. window.name .. ' '
  local fields = redis.call('HGETALL', account)
  local found = {}
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, #prefix) == prefix then
      local amount, newest = pair(fields[i + 1])
      table.insert(found, { field = fields[i], amount = amount, newest = newest })
    end
  end
  return found
end

-- The total of a window, without what has left by now. No slot leaves before next_leave.
local function window_of(name)
  if windows[name] then return windows[name] end
  local millis, unit = string.match(name, '^(.+):(%a+)$')
  local window = { name = name, millis = tonumber(millis), unit = unit, total = 0, next_leave = never }
  windows[name] = window
  local packed = redis.call('HGET', account, 'window ' .. name)
  if packed then window.total, window.next_leave = pair(packed) end
  if window.next_leave <= now then
    window.total, window.next_leave, window.changed = 0, never, true
    for _, slot in ipairs(slots(window)) do
      local leaves = slot.newest + window.millis
      if leaves <= now then
        redis.call('HDEL', account, slot.field)
      else
        window.total = window.total + slot.amount
        window.next_leave = math.min(window.next_leave, leaves)
      end
    end
  end
  return window
end

local function know(limits)
  for _, limit in ipairs(limits) do
    if not string.find(names, ' ' .. limit.window .. ' ', 1, true) then
      names = names .. ' ' .. limit.window .. ' '
      write('windows', names)
    end
  end
end

local function enter(window, at, amount)
  if at + window.millis <= now then return end
  local field = 'slot ' .. window.name .. ' ' .. string.format('%.0f', math.floor(at / (window.millis / 60)))
  local packed = redis.call('HGET', account, field)
  local newest = at
  local sum = amount
  if packed then
    local known, moment = pair(packed)
    sum, newest = known + amount, math.max(moment, at)
  end
  write(field, text(sum) .. ' ' .. text(newest))
  window.total = window.total + amount
  window.next_leave = math.min(window.next_leave, at + window.millis)
  window.changed = true
end

local function leaving(window, amount)
  local left = 0
  local found = slots(window)
  table.sort(found, function(a, b) return a.newest < b.newest end)
  for _, slot in ipairs(found) do
    left = left + slot.amount
    if left >= amount * (1 - ${tolerance}) then return slot.newest + window.millis end
  end
  return never
end

local function excess(amounts, limit)
  local drawn = (reserved[limit.unit] or 0) + (amounts[limit.unit] or 0)
  local over = window_of(limit.window).total + drawn - limit.amount
  if over > limit.amount * ${tolerance} then return over end
  return 0
end

local function has_room(amounts, limits)
  for _, limit in ipairs(limits) do
    if excess(amounts, limit) > 0 then return false end
  end
  return true
end

local function limits_from(values, first)
  local limits = {}
  for i = first, #values, ${limitArguments} do
    local unit = values[i + 3]
    local window = values[i + 2] .. ':' .. unit
    table.insert(limits, { name = values[i], amount = tonumber(values[i + 1]), window = window, unit = unit })
  end
  return limits
end

local function take(id)
  local packed = redis.call('HGET', held, id)
  if not packed then return nil end
  redis.call('HDEL', held, id)
  redis.call('ZREM', held_until, id)
  in_flight = in_flight - 1
  if in_flight == 0 then
    reserved = {}
  else
    for unit, amount in pairs(amounts_from(packed)) do reserved[unit] = (reserved[unit] or 0) - amount end
  end
  return tonumber(string.match(packed, '^%S+'))
end

local function lend(id, ends)
  redis.call('ZADD', held_until, text(ends), id)
  touched[held] = true
  touched[held_until] = true
end

local function hold(id, amounts, ends)
  redis.call('HSET', held, id, text(now) .. ' ' .. packed_amounts(amounts))
  lend(id, ends)
  in_flight = in_flight + 1
  for unit, amount in pairs(amounts) do reserved[unit] = (reserved[unit] or 0) + amount end
end

local function drop(id)
  if waiting == 0 or redis.call('ZREM', queue, id) == 0 then return end
  redis.call('ZREM', queue_until, id)
  redis.call('HDEL', asked, id)
  waiting = waiting - 1
end

local function enqueue(id, ends, demand)
  if not redis.call('ZSCORE', queue, id) then
    redis.call('ZADD', queue, redis.call('HINCRBY', account, 'arrivals', 1), id)
    waiting = waiting + 1
  end
  redis.call('ZADD', queue_until, text(ends), id)
  redis.call('HSET', asked, id, cmsgpack.pack(demand))
  touched[queue] = true
  touched[queue_until] = true
  touched[asked] = true
end

-- Releases what has expired, and grants the head of the queue.
local function advance()
  if in_flight > 0 then
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', held_until, '-inf', text(now))) do take(id) end
  end
  if waiting > 0 then
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', queue_until, '-inf', text(now))) do drop(id) end
  end
  while waiting > 0 do
    local id = redis.call('ZRANGE', queue, 0, 0)[1]
    local demand = cmsgpack.unpack(redis.call('HGET', asked, id))
    local amounts = amounts_from(demand[1])
    if not has_room(amounts, limits_from(demand, 2)) then return end
    local ends = tonumber(redis.call('ZSCORE', queue_until, id))
    drop(id)
    hold(id, amounts, ends)
  end
end

local function obstacle(amounts, limits)
  local longest, name = 0, ''
  for _, limit in ipairs(limits) do
    local over = excess(amounts, limit)
    if over > 0 then
      local millis = leaving(window_of(limit.window), over) - now
      if (reserved[limit.unit] or 0) > 0 then millis = math.min(millis, ${poll}) end
      if millis > longest then longest, name = millis, limit.name end
    end
  end
  return 'wait', text(longest), name
end

-- What each limit has on it.
local function balances(limits)
  local result = {}
  for _, limit in ipairs(limits) do
    table.insert(result, text(window_of(limit.window).total))
    table.insert(result, text(reserved[limit.unit] or 0))
  end
  return result
end

-- Writes what has changed, and lets the keys expire when nothing could be on them any more.
local function finish(result)
  local keep = longest_lease
  local empty = in_flight == 0 and waiting == 0
  for name in string.gmatch(names, '%S+') do
    local window = window_of(name)
    keep = math.max(keep, window.millis)
    empty = empty and window.next_leave == never
    if window.changed then write('window ' .. name, text(window.total) .. ' ' .. text(window.next_leave)) end
  end
  if empty then
    redis.call('DEL', account)
    return result
  end
  write('reserved', packed_amounts(reserved))
  write('lease', text(longest_lease))
  redis.call('HSET', account, unpack(writes))
  touched[account] = true
  for key in pairs(touched) do
    if keep >= ${endless} then
      redis.call('PERSIST', key)
    else
      redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(keep) + 1000))
    end
  end
  return result
end
`

const operations: Readonly<Record<Operation, string>> = {
  reserve: `
local id, lease, possible, amounts = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', amounts_from(ARGV[4])
local limits = limits_from(ARGV, 5)
longest_lease = math.max(longest_lease, lease)
know(limits)
advance()
local function decided(tag, millis, limit)
  return finish({ tag, millis or '0', limit or '', balances(limits) })
end
if redis.call('HEXISTS', held, id) == 1 then
  lend(id, now + lease)
  return decided('granted')
end
if not possible then
  drop(id)
  advance()
  return decided('never')
end
if waiting == 0 and has_room(amounts, limits) then
  hold(id, amounts, now + lease)
  return decided('granted')
end
enqueue(id, now + lease, { unpack(ARGV, 4) })
advance()
local places = redis.call('ZRANK', queue, id)
if not places then return decided('granted') end
if places > 0 then return decided('wait', text(math.min(places, ${farthest}) * ${poll}), 'queue') end
return decided(obstacle(amounts, limits))
`,
  settle: `
local id, age, amounts = ARGV[1], tonumber(ARGV[2]), amounts_from(ARGV[3])
advance()
local at = take(id) or now - age
drop(id)
local limits = {}
for _, limit in ipairs(limits_from(ARGV, 4)) do
  if (amounts[limit.unit] or 0) > 0 then table.insert(limits, limit) end
end
know(limits)
for name in string.gmatch(names, '%S+') do
  local window = window_of(name)
  if (amounts[window.unit] or 0) > 0 then enter(window, at, amounts[window.unit]) end
end
advance()
return finish({})
`,
  leave: `
take(ARGV[1])
drop(ARGV[1])
advance()
return finish({})
`,
  renew: `
local lease = tonumber(ARGV[1])
longest_lease = math.max(longest_lease, lease)
advance()
for i = 2, #ARGV do
  if redis.call('HEXISTS', held, ARGV[i]) == 1 then lend(ARGV[i], now + lease) end
end
return finish({})
`,
  balances: `
advance()
return finish(balances(limits_from(ARGV, 1)))
`
}
