sysg send parent -- "$1 times $2 is $(($1 * $2))
"
