#!/usr/bin/env bash
# Our gateway beside nginx and HAProxy, in turns, in one run on two cores: wrk with 64 kept-alive
# connections and an nginx that answers 1 KiB on the first core, the proxy under test alone on the
# second. Installs nginx, HAProxy and wrk from Debian where they are missing.
#
#   benches/gateway_vs_nginx.sh [ROUNDS [SECONDS]]      5 rounds of 4 s each by default
#
# `turquoise` is the gateway before the same back-end as nginx; `full path` is gateway, load balancer
# and the built-in application of an instance, all in one process on that one core. The figures are
# medians, the ratios medians of each round's ratio, against nginx in the same round: more is better
# for requests a second (rps), less for processor time a request (cpu) and the 99th percentile (p99).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly ROUNDS="${1:-5}" SECONDS_EACH="${2:-4}" CONNECTIONS=64
readonly CLIENT_CORE=0 PROXY_CORE=1
readonly BACKEND=18080 NGINX=18081 HAPROXY=18082
readonly TURQUOISE=target/release/turquoise
folder="$(mktemp -d)"
readonly folder
pids=()

finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

die() {
  echo "$1" >&2
  exit 1
}

need() {
  local missing=()
  for tool in nginx haproxy wrk curl; do
    PATH="$PATH:/usr/sbin" command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if ((${#missing[@]})); then
    apt-get update --quiet --quiet
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends "${missing[@]}" >/dev/null
  fi
  export PATH="$PATH:/usr/sbin"
  [[ -n ${TURQUOISE_BENCH_NO_BUILD:-} ]] || cargo build --release --quiet --bin turquoise
  (($(nproc) >= 2)) || die "two cores are needed: one for the proxy, one for clients and back-end"
}

# Starts a program on a core; its process id is then the last of $pids.
on_core() {
  local core="$1" log="$2"
  shift 2
  taskset --cpu-list "$core" "$@" >"$folder/$log.out" 2>"$folder/$log.err" &
  pids+=($!)
}

backend() {
  cat >"$folder/backend.conf" <<CONF
worker_processes 1; daemon off; master_process off; pid $folder/backend.pid; error_log $folder/backend.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path $folder/b1; proxy_temp_path $folder/b2;
  fastcgi_temp_path $folder/b3; uwsgi_temp_path $folder/b4; scgi_temp_path $folder/b5;
  server { listen 127.0.0.1:$BACKEND; location / { return 200 "$(printf 'x%.0s' $(seq 1024))"; } }
}
CONF
  on_core "$CLIENT_CORE" backend nginx -c "$folder/backend.conf"
}

nginx_proxy() {
  cat >"$folder/nginx.conf" <<CONF
worker_processes 1; daemon off; master_process off; pid $folder/nginx.pid; error_log $folder/nginx.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path $folder/n1; proxy_temp_path $folder/n2;
  fastcgi_temp_path $folder/n3; uwsgi_temp_path $folder/n4; scgi_temp_path $folder/n5;
  upstream members { server 127.0.0.1:$BACKEND; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:$NGINX;
    location / {
      proxy_pass http://members; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host \$host; proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto \$scheme; proxy_set_header X-Forwarded-Port \$server_port;
    }
  }
}
CONF
  on_core "$PROXY_CORE" nginx nginx -c "$folder/nginx.conf"
  nginx_pid=${pids[-1]}
}

haproxy_proxy() {
  cat >"$folder/haproxy.cfg" <<CONF
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 75s
  timeout server 30s
  timeout connect 4s
  http-reuse always
frontend gateway
  bind 127.0.0.1:$HAPROXY
  option forwardfor
  default_backend members
backend members
  server one 127.0.0.1:$BACKEND
CONF
  on_core "$PROXY_CORE" haproxy haproxy -db -f "$folder/haproxy.cfg"
  haproxy_pid=${pids[-1]}
}

# A local Azure of its own with a frontend and the side that is live; prints nothing, sets
# `${1}_pid` and `${1}_port`. $2 is what its images file says of the live side's image.
gateway() {
  local name="$1" own="$folder/$1" arm="" port=""
  mkdir "$own"
  printf '[images."green-v1"]\n%s\n' "$2" >"$own/images.toml"
  on_core "$PROXY_CORE" "$name" "$TURQUOISE" emulate --speed 20 --admit everyone --keys "$own/keys" \
    --images "$own/images.toml" --output json
  declare -g "${name}_pid=${pids[-1]}"
  for _ in $(seq 100); do
    arm="$(sed -n '1s/.*"arm":"\([^"]*\)".*/\1/p' "$folder/$name.out")"
    [[ -n $arm ]] && break
    sleep 0.1
  done
  [[ -n $arm ]] || die "turquoise emulate did not start: $(cat "$folder/$name.err")"
  "$TURQUOISE" init --force "$own/turquoise.toml" >/dev/null
  for part in frontend green; do
    "$TURQUOISE" deploy "$part" --config "$own/turquoise.toml" --endpoint "$arm" --state "$own/state" --speed 20 \
      >"$own/deploy.log" 2>&1 || die "deploying $part failed: $(cat "$own/deploy.log")"
  done
  for _ in $(seq 300); do
    port="$(curl --silent "$arm/turquoise/addresses" | tr '{' '\n' | grep '"port":80,' |
      grep --invert-match '"address":"10\.' | sed -n 's/.*"listens":"127[^:]*:\([0-9]*\)".*/\1/p' | head -n 1)"
    if [[ -n $port && $(curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$port/bytes?n=1024") == 200 ]]; then
      declare -g "${name}_port=$port"
      return
    fi
    sleep 0.1
  done
  die "the gateway of $name never answered 200: $(curl --silent --include "http://127.0.0.1:$port/") $(curl --silent --include "http://127.0.0.1:$BACKEND/" | head -n 1) $(cat "$folder"/*.err "$folder"/*.log)"
}

ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }

# One run of wrk; appends "requests/s, µs of processor time a request, p99 in µs, errors" to a file.
run() {
  local name="$1" pid="$2" port="$3" before after
  before="$(ticks "$pid")"
  taskset --cpu-list "$CLIENT_CORE" wrk --threads 1 --connections "$CONNECTIONS" --duration "${SECONDS_EACH}s" --latency \
    "http://127.0.0.1:$port/bytes?n=1024" >"$folder/wrk.txt"
  after="$(ticks "$pid")"
  awk -v ticks=$((after - before)) -v hertz="$(getconf CLK_TCK)" '
    function micros(text) {
      if (text ~ /us$/) return text + 0
      if (text ~ /ms$/) return text * 1000
      return text * 1000000
    }
    $1 == "99%" { p99 = micros($2) }
    $2 == "requests" && $3 == "in" { count = $1 }
    $1 == "Requests/sec:" { rps = $2 }
    /Socket errors|Non-2xx/ { errors++ }
    END { printf "%.0f %.2f %.0f %d\n", rps, ticks * 1e6 / hertz / count, p99, errors }
  ' "$folder/wrk.txt" >>"$folder/$name.runs"
}

median() { sort --general-numeric-sort | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# The median of a column of one target, and of its ratio to nginx round by round.
column() { awk -v c="$2" '{ print $c }' "$folder/$1.runs" | median; }
ratio() {
  paste -d ' ' "$folder/$1.runs" "$folder/${3:-nginx}.runs" | awk -v c="$2" '{ print $c / $(c + 4) }' | median
}

report() {
  printf '%-12s %10s %14s %10s %8s\n' target 'requests/s' 'cpu us/request' 'p99 us' errors
  for name in nginx haproxy turquoise full_path; do
    printf '%-12s %10.0f %14.2f %10.0f %8d\n' "${name/_/ }" "$(column "$name" 1)" "$(column "$name" 2)" \
      "$(column "$name" 3)" "$(awk '{ n += $4 } END { print n }' "$folder/$name.runs")"
  done
  printf 'haproxy ratio_rps %.2f ratio_cpu %.2f ratio_p99 %.2f (turquoise against HAProxy)\n' \
    "$(ratio turquoise 1 haproxy)" "$(ratio turquoise 2 haproxy)" "$(ratio turquoise 3 haproxy)"
  printf 'full_path ratio_rps %.2f ratio_cpu %.2f ratio_p99 %.2f (gateway, balancer and instance against nginx alone)\n' \
    "$(ratio full_path 1)" "$(ratio full_path 2)" "$(ratio full_path 3)"
  printf 'ratio_rps %.2f ratio_cpu %.2f ratio_p99 %.2f\n' "$(ratio turquoise 1)" "$(ratio turquoise 2)" "$(ratio turquoise 3)"
}

need
backend
nginx_proxy
haproxy_proxy
sleep 0.5
for pid in "${pids[@]}"; do
  kill -0 "$pid" 2>/dev/null || die "a server did not start, perhaps its port is taken ($BACKEND to $HAPROXY): $(cat "$folder"/*.err)"
done
gateway turquoise "url = \"http://127.0.0.1:$BACKEND\""
gateway full_path 'demo = { service = "0ms", workers = 64, queue = 4096 }'
for round in $(seq "$ROUNDS"); do
  run nginx "$nginx_pid" "$NGINX"
  run turquoise "$turquoise_pid" "$turquoise_port"
  run haproxy "$haproxy_pid" "$HAPROXY"
  run full_path "$full_path_pid" "$full_path_port"
  printf 'round %d: nginx %s | turquoise %s | haproxy %s | full path %s\n' "$round" "$(tail -n 1 "$folder/nginx.runs")" \
    "$(tail -n 1 "$folder/turquoise.runs")" "$(tail -n 1 "$folder/haproxy.runs")" "$(tail -n 1 "$folder/full_path.runs")" >&2
done
report
