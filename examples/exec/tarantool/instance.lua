-- The instance file of a member: what `tarantool` is started with, by the engine and by anybody else.
-- Boot closed: read-only, and receiving from nobody, whatever it was before; only the agent opens it, or points it at a leader.
local fio, json = require('fio'), require('json')

local function read(path)
  local file = assert(fio.open(path, { 'O_RDONLY' }))
  local text = file:read()
  file:close()
  return json.decode(text)
end

-- { listen, data, uuid, admin, replication, join?, memory?, log?, pidFile? }: `join` is asked once, for a first copy of the data; the two passwords count
-- where data is made anew.
local config = read(arg[1])
fio.chdir(config.data)
local isEmpty = #fio.glob('*.snap') == 0

box.cfg({
  listen = config.listen,
  instance_uuid = config.uuid,
  read_only = config.join ~= nil or not isEmpty,
  replication = isEmpty and config.join or nil,
  replication_connect_timeout = 5,
  replication_sync_timeout = 0.1,
  replication_timeout = 0.5,
  -- A commit is answered once it is on disk.
  wal_mode = 'fsync',
  log = config.log,
  pid_file = config.pidFile,
  memtx_memory = config.memory or 64 * 1024 * 1024,
})

if isEmpty and config.join == nil then
  box.schema.user.passwd('admin', config.admin)
  box.schema.user.create('replicator', { password = config.replication })
  box.schema.user.grant('replicator', 'replication')
end
