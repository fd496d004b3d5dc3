# Each file of migrations/ once, in the order of their names, wholly or not at all.
set -eu
psql -qc 'SET client_min_messages = warning' -c 'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)'
for file in migrations/*.sql; do
	applied=$(psql -Atc "SELECT 1 FROM migrations WHERE name = '$file'")
	[ -z "$applied" ] || continue
	echo "applying $file"
	psql -q1 -v ON_ERROR_STOP=1 -f "$file" -c "INSERT INTO migrations VALUES ('$file')"
done
