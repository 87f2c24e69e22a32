-- Processes, as the kernel shows them: the server is the tarantool whose working directory is the data directory.
local fio, ffi = require('fio'), require('ffi')
ffi.cdef([[ int kill(int pid, int sig); ]])
local M = {}

function M.find(folder)
  local place = fio.stat(folder)
  if place == nil then return nil end
  for _, name in ipairs(fio.listdir('/proc')) do
    local pid = tonumber(name)
    if pid ~= nil then
      local cwd = fio.stat('/proc/' .. name .. '/cwd')
      if cwd ~= nil and cwd.inode == place.inode and cwd.dev == place.dev then
        local program = fio.readlink('/proc/' .. name .. '/exe')
        if program ~= nil and fio.basename(program):find('^tarantool') and M.isAlive(pid) then return pid end
      end
    end
  end
  return nil
end

local function read(path)
  local file = io.open(path, 'r')
  local text = file and file:read('*a')
  if file then file:close() end
  return text
end

-- A zombie is gone.
function M.isAlive(pid)
  local stat = read('/proc/' .. pid .. '/stat')
  return stat ~= nil and stat:match('%) (%a)') ~= 'Z'
end

-- Whether that process was started with this instance file. Tarantool overwrites its command line, and keeps the file's name in it.
function M.runs(pid, instance)
  local line = read('/proc/' .. pid .. '/cmdline') or ''
  return line:find(fio.basename(instance), 1, true) ~= nil
end

-- In a session of its own: what outlives this call must not be in its process group. From the beginning in the folder by which it is found.
function M.start(words, folder, log)
  local quoted = {}
  for _, word in ipairs(words) do table.insert(quoted, "'" .. word:gsub("'", "'\\''") .. "'") end
  os.execute(("cd '%s' && setsid %s </dev/null >>'%s' 2>&1 &"):format(folder, table.concat(quoted, ' '), log))
  for _ = 1, 500 do
    if M.find(folder) ~= nil then return end
    require('fiber').sleep(0.01)
  end
  error('no server appeared; see ' .. log)
end

function M.kill(pid, signal)
  ffi.C.kill(pid, signal or 9)
end

return M
