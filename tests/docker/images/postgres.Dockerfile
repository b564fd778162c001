# Stands in for postgres:17: the same user id, folders, variables, entrypoint name and stop signal.
FROM fireup-postgres
ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/17/bin \
    LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data
RUN groupmod --gid 999 postgres \
 && usermod --uid 999 --gid 999 postgres \
 && install --directory --owner postgres --group postgres --mode 1777 /var/lib/postgresql /var/lib/postgresql/data \
 && install --directory --owner postgres --group postgres --mode 3777 /var/run/postgresql
COPY --chown=root:root entrypoint.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
