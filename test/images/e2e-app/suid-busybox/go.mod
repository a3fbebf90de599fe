module sallyport.dev/test/suid-busybox

go 1.24
