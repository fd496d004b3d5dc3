CREATE ROLE "www-data" LOGIN;
GRANT SELECT, INSERT ON notes TO "www-data";
GRANT USAGE ON SEQUENCE notes_id_seq TO "www-data";
