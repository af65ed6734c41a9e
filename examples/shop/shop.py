"""A web shop of one page, to stand behind the local gateway.

It takes its port from PORT and its build's name from the command line, and says in every answer
which build on which instance gave it. That is all Turquoise asks of an application.
"""

import http.server
import os
import signal
import sys
import threading

BUILD = sys.argv[1]
INSTANCE = os.environ.get("TURQUOISE_INSTANCE", "nowhere")


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{BUILD} on {INSTANCE}\n".encode()
        self.send_response(200)
        self.send_header("x-build-id", BUILD)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Shop)
    # What is under way is answered before the process ends; new requests go to other instances.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"{BUILD} serves {INSTANCE} as process {os.getpid()}", flush=True)
    server.serve_forever()


main()
