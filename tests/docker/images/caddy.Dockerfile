# Stands in for caddy:2: the same folders, variables, capability of the binary and command.
FROM fireup-python
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
RUN mkdir -p /config/caddy /data/caddy /etc/caddy
COPY caddy /usr/bin/
RUN /usr/bin/python3 -c "import os, struct; os.setxattr('/usr/bin/caddy', 'security.capability', struct.pack('<5I', 0x2000001, 1 << 10, 0, 0, 0))"
WORKDIR /srv
EXPOSE 80 443 443/udp 2019
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
