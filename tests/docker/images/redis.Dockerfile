# Stands in for redis:8: the same user and command, with Debian's Redis.
FROM fireup-python
RUN apt-get update && apt-get install --yes --no-install-recommends redis-server
WORKDIR /data
EXPOSE 6379
CMD ["redis-server"]
