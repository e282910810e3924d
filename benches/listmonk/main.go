// Sends mails of one size through the pool that listmonk sends its campaigns with, personalised as its templates do:
//
//	go mod init bench && go get github.com/knadh/smtppool/v2 && go build -o listmonk-pool .
//	listmonk-pool PORT MAILS CONNECTIONS BYTES
//
// Prints mails a second. `benches/drain.sh` runs it where LISTMONK_POOL names it.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/knadh/smtppool/v2"
)

func number(at int) int {
	value, err := strconv.Atoi(os.Args[at])
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	port, mails, connections, size := number(1), number(2), number(3), number(4)
	pool, err := smtppool.New(smtppool.Opt{
		Host: "127.0.0.1", Port: port, MaxConns: connections,
		IdleTimeout: 15 * time.Second, PoolWaitTimeout: 30 * time.Second,
	})
	if err != nil {
		panic(err)
	}
	line := "The Aster EV goes 620 km on one charge, and orders open on 8 December.\r\n"
	body := strings.Repeat(line, size/len(line))
	var next atomic.Int64
	var workers sync.WaitGroup
	begun := time.Now()
	for worker := 0; worker < connections; worker++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for {
				mail := next.Add(1)
				if mail > int64(mails) {
					return
				}
				err := pool.Send(smtppool.Email{
					From:    "Halden Motors Press <press@news.halden.example>",
					To:      []string{fmt.Sprintf("jane%d@paper.example", mail)},
					Subject: "Aster EV goes 620 km on one charge",
					Text:    []byte(fmt.Sprintf("Dear Jane Roe %d,\r\n%s", mail, body)),
				})
				if err != nil {
					panic(err)
				}
			}
		}()
	}
	workers.Wait()
	fmt.Printf("%.0f\n", float64(mails)/time.Since(begun).Seconds())
}
