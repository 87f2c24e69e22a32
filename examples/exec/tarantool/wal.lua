-- Tarantool's files, of a server that is down or closed: which data they are, how it ended, and the tail of its log as raw rows. Rows are
-- handed on as they lie there, byte by byte: decoded and encoded again, 1.0 would come back as 1.
local fio, ffi, msgpack, xlog = require('fio'), require('ffi'), require('msgpack'), require('xlog')
local socket, json = require('socket'), require('json')
local M = {}

ffi.cdef([[
  typedef struct ZSTD_DCtx_s ZSTD_DStream;
  typedef struct { void *dst; size_t size; size_t pos; } ZSTD_outBuffer_t;
  typedef struct { const void *src; size_t size; size_t pos; } ZSTD_inBuffer_t;
  ZSTD_DStream *ZSTD_createDStream(void);
  size_t ZSTD_freeDStream(ZSTD_DStream *s);
  size_t ZSTD_initDStream(ZSTD_DStream *s);
  size_t ZSTD_decompressStream(ZSTD_DStream *s, ZSTD_outBuffer_t *out, ZSTD_inBuffer_t *in);
  unsigned ZSTD_isError(size_t code);
]])

local MAGIC_PLAIN, MAGIC_ZSTD, MAGIC_EOF = '\xd5\xba\x0b\xab', '\xd5\xba\x0b\xba', '\xd5\x10\xad\xed'
local FIXHEADER = 19
local KEY = { type = 0x00, replica = 0x02, lsn = 0x03, group = 0x07 }

local function readAll(path)
  local file = assert(fio.open(path, { 'O_RDONLY' }))
  local chunks = {}
  while true do
    local chunk = file:read(1024 * 1024)
    if chunk == nil or chunk == '' then break end
    table.insert(chunks, chunk)
  end
  file:close()
  return table.concat(chunks)
end

local function readHead(path)
  local file = assert(fio.open(path, { 'O_RDONLY' }))
  local head = file:read(4096)
  file:close()
  return head
end

local function filesOf(folder, extension)
  local files = fio.glob(fio.pathjoin(folder, '*.' .. extension))
  table.sort(files)
  return files
end

-- The lines before the first block: `Instance: …`, `VClock: {1: 14}`.
local function metaOf(text)
  local finish = assert(text:find('\n\n', 1, true), 'no header')
  local meta = { from = finish + 2, vclock = {} }
  local head = text:sub(1, finish)
  meta.instance = head:match('\nInstance: ([%x-]+)')
  for id, lsn in (head:match('\nVClock: (%b{})') or ''):gmatch('(%d+): (%d+)') do
    meta.vclock[tonumber(id)] = tonumber64(lsn)
  end
  return meta
end

-- A server that ends in order marks the end of its newest file.
function M.endedInOrder(folder)
  local files = filesOf(folder, 'xlog')
  local file = files[#files] and fio.open(files[#files], { 'O_RDONLY' })
  if file == nil then return false end
  file:seek(-4, 'SEEK_END')
  local last = file:read(4)
  file:close()
  return last == MAGIC_EOF
end

local function newestSnapshot(folder)
  local files = filesOf(folder, 'snap')
  return files[#files]
end

-- The identity of all copies: a row of _schema, near the beginning of every snapshot.
function M.cluster(folder)
  local snapshot = newestSnapshot(folder)
  if snapshot == nil then return nil end
  for _, row in xlog.pairs(snapshot) do
    local body = row.BODY
    if body.space_id == 272 and body.tuple[1] == 'cluster' then return body.tuple[2] end
    if body.space_id ~= 272 and body.space_id > 280 then break end
  end
  return nil
end

-- Of this copy: every instance has a number of its own in the cluster.
function M.copy(folder)
  local snapshot = newestSnapshot(folder)
  if snapshot == nil then return nil end
  return metaOf(readHead(snapshot)).instance
end

local function inflate(packed)
  local stream = ffi.C.ZSTD_createDStream()
  ffi.C.ZSTD_initDStream(stream)
  local size = 256 * 1024
  local buffer, chunks = ffi.new('char[?]', size), {}
  local input = ffi.new('ZSTD_inBuffer_t', { ffi.cast('const char *', packed), #packed, 0 })
  while input.pos < input.size do
    local output = ffi.new('ZSTD_outBuffer_t', { buffer, size, 0 })
    local left = ffi.C.ZSTD_decompressStream(stream, output, input)
    assert(ffi.C.ZSTD_isError(left) == 0, 'a block of the log cannot be unpacked')
    table.insert(chunks, ffi.string(buffer, output.pos))
  end
  ffi.C.ZSTD_freeDStream(stream)
  return table.concat(chunks)
end

-- Calls `see(header, body, raw)` for each row of each whole block.
local function eachRow(text, from, see)
  local at = from
  while at + FIXHEADER - 1 <= #text do
    local magic = text:sub(at, at + 3)
    if magic ~= MAGIC_PLAIN and magic ~= MAGIC_ZSTD then return end
    local length, next = msgpack.decode(text, at + 4)
    length = tonumber(length)
    local block = text:sub(at + FIXHEADER, at + FIXHEADER + length - 1)
    if #block < length then return end
    if magic == MAGIC_ZSTD then block = inflate(block) end
    local position = 1
    while position <= #block do
      local header, afterHeader = msgpack.decode(block, position)
      local body, afterBody = msgpack.decode(block, afterHeader)
      see(header, body, block:sub(position, afterBody - 1))
      position = afterBody
    end
    at = at + FIXHEADER + length
  end
end

local function sum(vector)
  local total = 0ULL
  for id, lsn in pairs(vector) do
    if id ~= 0 then total = total + lsn end
  end
  return total
end

local text = function(number) return (tostring(number):gsub('U?LL', '')) end

-- Space ids of tanist_openings, found in what was read of _space (280).
local OPENINGS = 'tanist_openings'

-- Writes the rows that lie behind `from` into `file`, and says where the log ends then. Nil, and why, where it does not hold `from`.
function M.giveTail(folder, from, file)
  local cluster = M.cluster(folder)
  if from.dataId ~= cluster then return nil, ('this is data %s, not %s'):format(cluster, from.dataId) end
  local wanted = tonumber64(from.at)
  local openings, spaceId = {}, nil
  local snapshots, begin = filesOf(folder, 'snap'), nil
  -- The newest snapshot at or before it has all older openings; from there the log is read.
  for index = #snapshots, 1, -1 do
    if sum(metaOf(readHead(snapshots[index])).vclock) <= wanted then
      begin = snapshots[index]
      break
    end
  end
  if begin == nil then return nil, 'this log does not reach back to ' .. from.at .. ' any more' end
  local vector = metaOf(readHead(begin)).vclock
  vector[0] = nil
  for _, row in xlog.pairs(begin) do
    local body = row.BODY
    if body.space_id == 280 and body.tuple[3] == OPENINGS then spaceId = body.tuple[1] end
    if spaceId ~= nil and body.space_id == spaceId then table.insert(openings, body.tuple) end
  end

  local function position()
    local forks, marks, line = {}, {}, nil
    for _, row in ipairs(openings) do
      table.insert(marks, { epoch = row[1], mark = row[2] })
      table.insert(forks, { line = row[3], ['end'] = text(sum(row[4])) })
      line = text(row[1]) .. ' ' .. row[2]
    end
    return { dataId = cluster, line = line or 'unopened', at = text(sum(vector)), forks = forks, marks = marks }
  end

  local function holds()
    local here = position()
    if here.line ~= from.line or #here.forks ~= #from.forks then return false end
    for index, fork in ipairs(from.forks) do
      if here.forks[index].line ~= fork.line or here.forks[index]['end'] ~= fork['end'] then return false end
    end
    return true
  end

  local output, rows, isFound, instance = nil, 0, false, nil
  local function found()
    isFound = true
    output = assert(fio.open(file, { 'O_WRONLY', 'O_CREAT', 'O_TRUNC' }, tonumber('600', 8)))
    output:write(json.encode({ vclock = vector, cluster = cluster, instance = M.copy(folder) }) .. '\n')
  end
  if sum(vector) == wanted and holds() then found() end
  for _, path in ipairs(filesOf(folder, 'xlog')) do
    local content = readAll(path)
    local meta = metaOf(content)
    eachRow(content, meta.from, function(header, body, raw)
      local id, lsn = tonumber(header[KEY.replica] or 0), header[KEY.lsn]
      if id == 0 or header[KEY.group] == 1 or lsn <= (vector[id] or 0) then return end
      vector[id] = lsn
      if body[0x10] == 280 and body[0x21] and body[0x21][3] == OPENINGS then spaceId = body[0x21][1] end
      if spaceId ~= nil and body[0x10] == spaceId and body[0x21] then table.insert(openings, body[0x21]) end
      if isFound then
        output:write(raw)
        rows = rows + 1
      elseif sum(vector) == wanted and holds() then
        found()
      end
    end)
  end
  if not isFound then
    return nil, ('this log, which ends at %s, does not hold %s of %s'):format(text(sum(vector)), from.at, from.line)
  end
  output:close()
  return position()
end

-- Hands such a file to a server as a master would, for as long as `work(goal)` takes: greeting, vote, subscription, rows.
function M.serve(file, path, work)
  local content = readAll(file)
  local finish = content:find('\n', 1, true)
  local head = json.decode(content:sub(1, finish - 1))
  local goal, packets, at = {}, {}, finish + 1
  while at <= #content do
    local header, afterHeader = msgpack.decode(content, at)
    local _, afterBody = msgpack.decode(content, afterHeader)
    goal[tostring(header[KEY.replica])] = header[KEY.lsn]
    table.insert(packets, '\xce' .. M.big32(afterBody - at) .. content:sub(at, afterBody - 1))
    at = afterBody
  end
  local vclock = setmetatable({}, { __serialize = 'map' })
  for id, lsn in pairs(head.vclock) do vclock[tonumber(id)] = lsn end
  for id, lsn in pairs(goal) do vclock[tonumber(id)] = lsn end
  fio.unlink(path)
  local server = socket.tcp_server('unix/', path, { name = 'tail', handler = function(client)
    pcall(M.speak, client, head, vclock, packets)
  end })
  assert(server ~= nil, 'no socket at ' .. path)
  local isDone, why = pcall(work, goal)
  server:close()
  fio.unlink(path)
  if not isDone then error(why) end
end

function M.big32(number)
  return string.char(math.floor(number / 16777216) % 256, math.floor(number / 65536) % 256, math.floor(number / 256) % 256, number % 256)
end

local function packet(header, body)
  local bytes = msgpack.encode(setmetatable(header, { __serialize = 'map' })) .. msgpack.encode(setmetatable(body, { __serialize = 'map' }))
  return '\xce' .. M.big32(#bytes) .. bytes
end

local TYPE = { ok = 0, vote = 68, subscribe = 66 }

function M.speak(client, head, vclock, packets)
  local greeting = ('Tarantool %s (Binary) %s'):format(_TARANTOOL:match('^[%d.]+'), head.instance)
  local salt = require('digest').base64_encode(('x'):rep(32), { nowrap = true })
  client:write(greeting .. (' '):rep(63 - #greeting) .. '\n' .. salt .. (' '):rep(63 - #salt) .. '\n')
  while true do
    local prefix = client:read(5)
    if prefix == nil or #prefix < 5 then return end
    local length = tonumber((msgpack.decode(prefix)))
    local bytes = client:read(length)
    local header = msgpack.decode(bytes)
    local kind, sync = tonumber(header[KEY.type]), header[0x01]
    if kind == TYPE.vote then
      client:write(packet({ [0] = TYPE.ok, [1] = sync }, { [0x29] = setmetatable({ [1] = false, [2] = vclock, [3] = vclock, [4] = false, [5] = false }, { __serialize = 'map' }) }))
    elseif kind == TYPE.subscribe then
      client:write(packet({ [0] = TYPE.ok, [1] = sync, [2] = 0 }, { [0x25] = head.cluster, [0x26] = vclock }))
      for _, row in ipairs(packets) do client:write(row) end
    elseif kind ~= TYPE.ok then
      client:write(packet({ [0] = TYPE.ok, [1] = sync }, {}))
    end
  end
end

return M
