-- Sends the same request again and again, and ends with one line of JSON that load.py reads.
-- Manual: https://github.com/wg/wrk/blob/master/SCRIPTING

wrk.method = os.getenv("BENCH_METHOD")
if wrk.method == "POST" then
  local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = os.getenv("BENCH_TYPE")
  file:close()
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "bad_status": %d, "socket_errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
