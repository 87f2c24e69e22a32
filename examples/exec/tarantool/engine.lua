#!/usr/bin/env tarantool
-- Tanist's engine for Tarantool: one call, one step. The protocol: docs/exec.md; what this file rests on: README.md beside it.
package.path = require('fio').dirname(require('fio').abspath(arg[0])) .. '/?.lua;' .. package.path

local fio, json, netbox = require('fio'), require('json'), require('net.box')
local process, wal = require('process'), require('wal')

local function say(value)
  io.stdout:write(json.encode(value), '\n')
  io.stdout:flush()
end

-- Ends the step.
local function refuse(text, code)
  error({ error = tostring(text), code = code or '' })
end

local request, settings, input, data, withinSeconds

local function take(line)
  request = json.decode(line)
  settings, input = request.settings, request.input
  data = fio.abspath(request.dataDir)
  withinSeconds = request.withinMs / 1000
end

local NOTHING = setmetatable({}, { __serialize = 'map' })

local function connect()
  local connection = netbox.connect(settings.admin, { wait_connected = true, connect_timeout = withinSeconds })
  if not connection:is_connected() then
    local text = tostring(connection.error)
    refuse(text, (text:find('password') or text:find('denied')) and 'DATABASE_REFUSED' or 'DATABASE_UNREACHABLE')
  end
  return connection
end

-- Runs inside the server. A chunk without a yield sees one moment, and nobody writes in between.
local function inside(chunk, ...)
  local connection = connect()
  local result = connection:eval(chunk, { ... }, { timeout = withinSeconds })
  connection:close()
  return result
end

local OPENINGS = [[
  local function sum(vector)
    local total = 0ULL
    for id, lsn in pairs(vector) do if id ~= 0 then total = total + lsn end end
    return total
  end
  -- By the first look at an open server: before it is opened, a leader has to prove that it can write.
  local function makeSpaces()
    if box.space.tanist_openings == nil then
      box.schema.space.create('tanist_openings', { format = {
        { 'epoch', 'unsigned' }, { 'mark', 'string' }, { 'left', 'string' }, { 'began', 'map' }, { 'leader', 'unsigned' },
      } }):create_index('primary', { parts = { 'epoch' } })
    end
    if box.space.tanist_canary == nil then
      box.schema.space.create('tanist_canary', { is_local = true }):create_index('primary')
    end
  end
  -- Where the log stands. On a line one member writes; so the vector of all members' counts is told by the line and its sum, and a
  -- count that grew although it is not the leader's is a line of its own.
  local function position()
    local vector, space = box.info.vclock, box.space.tanist_openings
    local marks, forks, line, begin, leader = {}, {}, nil, nil, nil
    if space ~= nil then
      for _, row in space:pairs() do
        table.insert(marks, { epoch = row.epoch, mark = row.mark })
        table.insert(forks, { line = row.left, ['end'] = tostring(sum(row.began)):gsub('U?LL', '') .. '' })
        line, begin, leader = row.epoch .. ' ' .. row.mark, row.began, row.leader
      end
    end
    if line == nil then
      -- Not opened yet: named after all that cannot be told from the sum.
      local most
      for id, lsn in pairs(vector) do if id ~= 0 and (most == nil or lsn > vector[most]) then most = id end end
      local rest = {}
      for id, lsn in pairs(vector) do if id ~= 0 and id ~= most then table.insert(rest, id .. '=' .. tostring(lsn)) end end
      table.sort(rest)
      line = ('unopened %s %s'):format(tostring(most), table.concat(rest, ','))
    else
      for id, lsn in pairs(vector) do
        if id ~= 0 and id ~= leader and lsn > (begin[id] or 0) then
          table.insert(forks, { line = line, ['end'] = tostring(sum(begin)):gsub('U?LL', '') .. '' })
          line = ('%s, and %s of %s'):format(line, tostring(lsn), box.info.uuid)
          break
        end
      end
    end
    return { dataId = box.info.cluster.uuid, line = line, at = (tostring(sum(vector)):gsub('U?LL', '')), forks = forks, marks = marks }
  end
]]

local function array(list)
  return setmetatable(list, { __serialize = 'seq' })
end

local function declared(position)
  array(position.forks)
  array(position.marks)
  return position
end

local steps = {}

function steps.describe()
  return { name = 'tarantool', protocol = 1, capabilities = array({ 'tail', 'checkpoint', 'release', 'watch' }) }
end

-- The server's process is known by its folder, whoever started it.
local function main()
  return process.find(data)
end

function steps.status()
  local pid = main()
  if pid == nil then
    return { state = wal.endedInOrder(data) and 'stopped' or 'crashed', dataId = wal.cluster(data) or '', copyId = wal.copy(data) }
  end
  local connection = netbox.connect(settings.admin, { wait_connected = true, connect_timeout = withinSeconds })
  if not connection:is_connected() then
    if tostring(connection.error):find('refused') then
      return { state = 'changing', processes = { pid }, dataId = wal.cluster(data) or '', copyId = wal.copy(data) }
    end
    return refuse(connection.error, 'DATABASE_REFUSED')
  end
  local seen = connection:eval(OPENINGS .. [[
    local mayWrite = ...
    local seen = { position = position(), closed = box.cfg.read_only, wrote = false, followers = {}, streaming = false }
    local upstreams = box.cfg.replication
    if type(upstreams) == 'table' then upstreams = upstreams[1] end
    seen.from = upstreams
    for _, peer in pairs(box.info.replication) do
      if peer.upstream ~= nil and peer.upstream.status == 'follow' then seen.streaming = true end
      if peer.downstream ~= nil and peer.downstream.status == 'follow' then table.insert(seen.followers, peer.uuid) end
    end
    -- On this server alone: no replica has it, nor waits for it; what it proves is that this disk takes writes.
    if mayWrite and not seen.closed then
      if box.space.tanist_canary == nil then makeSpaces() end
      box.space.tanist_canary:upsert({ 1, 1 }, { { '+', 2, 1 } })
      seen.wrote = true
    end
    return seen
  ]], { input.mayWrite }, { timeout = withinSeconds })
  connection:close()
  local followers = {}
  for _, uuid in ipairs(seen.followers) do
    table.insert(followers, (settings.names or {})[uuid] or uuid)
  end
  table.sort(followers)
  local from = seen.from and tostring(seen.from):gsub('^.*@', '') or nil
  return {
    state = 'running',
    processes = { pid },
    dataId = seen.position.dataId,
    copyId = wal.copy(data),
    closed = seen.closed,
    -- The instance file is what boots it closed: another one is not ours to vouch for.
    bootClosed = process.runs(pid, settings.instance),
    wrote = seen.wrote,
    position = declared(seen.position),
    receives = from and { from = from, streaming = seen.streaming } or json.NULL,
    followers = array(followers),
    -- What it receives it applies at once.
    backlog = 0,
  }
end

function steps.start()
  if main() == nil then
    process.start({ 'tarantool', settings.instance, settings.config }, data, request.stateDir .. '/tarantool.log')
  end
  return NOTHING
end

function steps.fence()
  local pid = main()
  if pid ~= nil then process.kill(pid) end
  return NOTHING
end

-- Tarantool applies what it receives before it says that it has it: with its upstreams gone, its clock is where its log ends.
function steps.seal()
  inside('box.cfg({ replication = {} })')
  return NOTHING
end

-- The mark is the first write of the opening, and the only one: a server that is closed is made writable, given the mark and closed
-- again without a yield, in which nobody else can write.
function steps.promote()
  local mark = inside(OPENINGS .. [[
    local epoch, mark = ...
    local fiber = require('fiber')
    local wasClosed, failure = box.cfg.read_only, nil
    local known = box.space.tanist_openings and box.space.tanist_openings:get(epoch)
    if known ~= nil then return known.mark end
    local now = position()
    local began = setmetatable({}, { __serialize = 'map' })
    for id, lsn in pairs(box.info.vclock) do if id ~= 0 then began[id] = lsn end end
    local function write()
      box.begin()
      if box.space.tanist_openings == nil then makeSpaces() end
      box.space.tanist_openings:insert({ epoch, mark, now.line, began, box.info.id })
      box.commit()
    end
    if wasClosed then box.cfg({ read_only = false }) end
    local writer = fiber.new(function()
      local isDone, why = pcall(write)
      if not isDone then failure = tostring(why) box.rollback() end
    end)
    writer:set_joinable(true)
    -- It runs up to where it waits for the disk.
    fiber.yield()
    if wasClosed then box.cfg({ read_only = true }) end
    writer:join()
    if failure ~= nil then error(failure) end
    return box.space.tanist_openings:get(epoch).mark
  ]], input.epoch, input.mark)
  return { mark = mark }
end

function steps.open()
  inside('box.cfg({ read_only = false })')
  return NOTHING
end

function steps.follow()
  local credentials = settings.replication and settings.replication .. '@' or ''
  -- In the background: a configuration that waits for a peer would hold up the next one, a seal's.
  inside([[
    box.cfg({ read_only = true, replication_connect_quorum = 0 })
    box.cfg({ replication = { ... } })
  ]], ('%s%s:%s'):format(credentials, input.leader.host, input.leader.port))
  return NOTHING
end

function steps.tail()
  local reached, why = wal.giveTail(data, input.from, input.file)
  if reached == nil then refuse(why, 'TAIL_UNAVAILABLE') end
  return { atLeast = declared(reached) }
end

function steps.apply()
  local socket = request.stateDir .. '/tail.sock'
  local isDone, why = pcall(wal.serve, input.file, socket, function(goal)
    local connection = connect()
    connection:eval("box.cfg({ replication = { ... } })", { 'unix/:' .. socket }, { timeout = withinSeconds })
    connection:eval([[
      local goal = ...
      local function isThere()
        for id, lsn in pairs(goal) do if (box.info.vclock[tonumber(id)] or 0) < lsn then return false end end
        return true
      end
      while not isThere() do require('fiber').sleep(0.002) end
    ]], { goal }, { timeout = withinSeconds })
    connection:eval('box.cfg({ replication = {} })', {}, { timeout = withinSeconds })
  end)
  if not isDone then refuse(why, 'TAIL_UNAVAILABLE') end
  return NOTHING
end

function steps.probe()
  -- It speaks first.
  local socket = require('socket')
  local started = require('clock').monotonic()
  local connection = socket.tcp_connect(input.host, input.port, withinSeconds)
  if connection == nil then
    local isEarly = require('clock').monotonic() - started < withinSeconds * 0.9
    return { answering = isEarly and 'refuses' or 'silent' }
  end
  local greeting = connection:read(1, withinSeconds)
  return { answering = greeting ~= nil and greeting ~= '' and 'answers' or 'silent' }
end

function steps.checkpoint()
  inside('box.snapshot()')
  return NOTHING
end

function steps.release()
  inside([[
    if box.cfg.read_only then return end
    for _, name in ipairs({ 'tanist_openings', 'tanist_canary' }) do
      if box.space[name] ~= nil then box.space[name]:drop() end
    end
  ]])
  return NOTHING
end

-- Stays, and answers a line with a line; each status is one that `status` would have found.
local function watch()
  for line in io.stdin:lines() do
    take(line)
    local isDone, found = pcall(steps.status)
    if isDone then
      say({ id = input.id, status = found })
    else
      say({ id = input.id, error = type(found) == 'table' and found.error or tostring(found), code = type(found) == 'table' and found.code or '' })
    end
  end
  os.exit(0)
end

local command = arg[#arg]
if command == 'watch' then watch() end
take(io.stdin:read('*a'))
local isDone, found = pcall(steps[command] or function() refuse('unknown step ' .. tostring(command)) end)
if not isDone and type(found) ~= 'table' then found = { error = tostring(found) } end
say(found)
os.exit(isDone and 0 or 1)
