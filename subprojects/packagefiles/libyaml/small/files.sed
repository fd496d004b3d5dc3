# nobody here reads a stdio file: it fails, and libc's stdio isn't linked
s/= fread\(.*\);/= 0;/
s/!ferror\(.*\);/0;/
