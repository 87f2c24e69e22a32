#!/usr/bin/env tarantool
-- What `tanist engine check` needs beside the engine: members made out of nothing, and a client that knows no agent (docs/exec.md).
package.path = require('fio').dirname(require('fio').abspath(arg[0])) .. '/?.lua;' .. package.path
local fio, json, netbox = require('fio'), require('json'), require('net.box')
local fiber, process = require('fiber'), require('process')

local folder = fio.dirname(fio.abspath(arg[0]))
local command = arg[#arg]
local SECRET = 'sesame'

local function say(value)
  io.stdout:write(json.encode(value), '\n')
  io.stdout:flush()
end

local function connect(port, user)
  return netbox.connect(('%s@127.0.0.1:%d'):format(user, port), { wait_connected = true, connect_timeout = 1 })
end

local function awaitServer(port, condition)
  for _ = 1, 500 do
    local connection = connect(port, 'admin:' .. SECRET)
    if connection:is_connected() and connection:eval(condition) then return connection end
    connection:close()
    fiber.sleep(0.02)
  end
  error('no server at ' .. port)
end

local function start(config)
  process.start({ 'tarantool', folder .. '/instance.lua', config.path }, config.data, config.log)
end

local beds = {}

local function uuidOf(name)
  return ('00000000-0000-4000-8000-%s'):format(require('digest').md5_hex(name):sub(1, 12))
end

-- { name, folder, port, members, leader: { port } or null }: the first is open, the others stream from it.
function beds.create(input)
  local data = input.folder .. '/data'
  fio.mktree(data)
  local names = {}
  for _, name in ipairs(input.members) do names[uuidOf(name)] = name end
  local config = { data = data, path = input.folder .. '/instance.json', log = input.folder .. '/server.log' }
  local file = assert(fio.open(config.path, { 'O_WRONLY', 'O_CREAT' }, tonumber('600', 8)))
  local leader = input.leader ~= json.NULL and input.leader or nil
  file:write(json.encode({
    listen = '127.0.0.1:' .. input.port, data = data, uuid = uuidOf(input.name), admin = SECRET, replication = SECRET,
    join = leader and ('replicator:%s@127.0.0.1:%d'):format(SECRET, leader.port) or nil,
  }))
  file:close()
  start(config)
  if leader == nil then
    awaitServer(input.port, "return box.info.status == 'running' and box.space._user.index.name:get('replicator') ~= nil"):eval([[
      box.schema.user.create('app', { password = ... })
      local written = box.schema.space.create('written', { format = { { 'value', 'string' } } })
      written:create_index('primary', { parts = { 'value' } })
      box.schema.user.grant('app', 'read,write', 'space', 'written')
    ]], { SECRET })
  else
    awaitServer(input.port, [[
      for _, peer in pairs(box.info.replication) do
        if peer.upstream ~= nil and peer.upstream.status == 'follow' then return box.space.written ~= nil end
      end
      return false
    ]])
  end
  say({ dataDir = data, settings = {
    admin = ('admin:%s@127.0.0.1:%d'):format(SECRET, input.port), replication = 'replicator:' .. SECRET,
    instance = folder .. '/instance.lua', config = config.path, names = names,
  } })
end

function beds.start(input)
  start({ path = input.settings.config, data = input.dataDir, log = fio.dirname(input.settings.config) .. '/server.log' })
  awaitServer(input.port, "return box.info.status == 'running'")
  say({ started = true })
end

function beds.stop(input)
  local pid = process.find(input.dataDir)
  if pid ~= nil then process.kill(pid, 15) end
  while pid ~= nil and process.isAlive(pid) do fiber.sleep(0.01) end
  say({ stopped = true })
end

-- A client that stays: one line asks, one line answers.
function beds.session(input)
  local connection = connect(input.port, 'app:' .. SECRET)
  say({ open = connection:is_connected() })
  for line in io.stdin:lines() do
    local asked = json.decode(line)
    if asked.write ~= nil then
      local isDone, why = pcall(function() connection.space.written:insert({ asked.write }) end)
      local isRefused = not isDone and (tostring(why):find('read%-only') or tostring(why):find('Duplicate key'))
      say({ written = isDone and 'ok' or isRefused and 'failed' or 'unknown' })
    else
      local isDone, rows = pcall(function() return connection.space.written:select() end)
      local values = setmetatable({}, { __serialize = 'seq' })
      for _, row in ipairs(isDone and rows or {}) do table.insert(values, row[1]) end
      say(isDone and { values = values } or { error = tostring(rows) })
    end
  end
end

beds[command](json.decode(io.stdin:read('*l')))
os.exit(0)
