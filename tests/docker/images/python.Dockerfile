# Stands in for python:3.13-slim: Debian's CPython in the places where the official image has its own.
FROM fireup-python
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
COPY ca-certificates.crt /etc/ssl/certs/
COPY pip.conf /etc/
RUN rm /usr/lib/python3.*/EXTERNALLY-MANAGED \
 && for tool in python python3; do ln -s /usr/bin/python3 "/usr/local/bin/$tool"; done \
 && for tool in pip pip3; do ln -s /usr/bin/pip3 "/usr/local/bin/$tool"; done
CMD ["python3"]
