-- wrk -s wrk.lua URL -- METHOD PATH BODY FIRST "Name: value" …
-- Repeats a request and prints the results as JSON. If FIRST is above 0, the path is a format string,
-- and each request uses the next number, because an item can be updated only once from version 1.

local path, number

function init(arguments)
  wrk.method = arguments[1]
  path = arguments[2]
  if arguments[3] ~= "" then wrk.body = arguments[3] end
  number = tonumber(arguments[4])
  for index = 5, #arguments do
    local name, value = arguments[index]:match("^(.-): (.*)$")
    wrk.headers[name] = value
  end
  if number > 0 then
    request = function()
      number = number + 1
      return wrk.format(nil, path:format(number - 1))
    end
  else
    wrk.path = path
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "rejected": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
