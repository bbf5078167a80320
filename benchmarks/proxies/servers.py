"""nginx and haproxy: they look at nothing, and say what a proxy costs at least."""

from __future__ import annotations

import os

from benchmarks.setting import Command, Contender, Setting, found, output_of

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
{user}
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 128m; client_body_buffer_size 1m;
  keepalive_requests 1000000;
  upstream provider {{ server {authority}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass {scheme}://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_ssl_trusted_certificate {certificate};
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
    }}
  }}
}}
"""

# no-delay: without it haproxy lets the kernel gather small chunks (its manual, "option http-no-delay").
_HAPROXY = """\
global
  nbthread 1
  maxconn 8192
  tune.bufsize 65536
defaults
  mode http
  option http-no-delay
  option http-keep-alive
  http-reuse always
  timeout connect 10s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
frontend clients
  bind 127.0.0.1:{port} backlog 4096
  default_backend provider
backend provider
  server one {authority} maxconn 8192 {tls}
"""


def _nginx(setting: Setting) -> Command:
    path = setting.folder / "nginx.conf"
    text = _NGINX.format(
        folder=setting.folder,
        authority=setting.authority,
        scheme="https" if setting.is_tls else "http",
        certificate=setting.certificate,
        port=setting.port,
        user="user root;" if os.geteuid() == 0 else "",
    )
    path.write_text(text)
    return [_nginx_binary(), "-p", str(setting.folder), "-e", str(setting.folder / "error.log"), "-c", str(path)], {}


def _nginx_binary() -> str:
    return found("nginx", "nginx is not installed (on Debian: apt-get install nginx-light)")


def _nginx_version() -> str:
    return output_of([_nginx_binary(), "-v"]).removeprefix("nginx version: ")


def _haproxy(setting: Setting) -> Command:
    path = setting.folder / "haproxy.cfg"
    tls = f"ssl verify required ca-file {setting.certificate} verifyhost localhost" if setting.is_tls else ""
    path.write_text(_HAPROXY.format(authority=setting.authority, port=setting.port, tls=tls))
    return [_haproxy_binary(), "-db", "-f", str(path)], {}


def _haproxy_binary() -> str:
    return found("haproxy", "haproxy is not installed (on Debian: apt-get install haproxy)")


def _haproxy_version() -> str:
    return " ".join(output_of([_haproxy_binary(), "-v"]).split()[:3])


SERVERS = (
    Contender("nginx", "nginx, buffering off", _nginx, _nginx_version),
    Contender("haproxy", "haproxy, no delay", _haproxy, _haproxy_version),
)
