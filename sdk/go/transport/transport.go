// Package transport lets ordinary Go libraries for HTTP APIs run in a hook, with its grants:
//
//	client := &http.Client{Transport: transport.Host{}}
//
// It brings net/http with it, which makes a component three times as large.
package transport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"groundcrew.dev/hook"
)

// Host is the host's HTTP as a RoundTripper. Redirects are not followed by the host.
type Host struct{}

// RoundTrip sends one request with its whole body and reads the whole answer.
func (Host) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := hook.Request{Method: request.Method, URL: request.URL.String()}
	if sent.Method == "" {
		sent.Method = http.MethodGet
	}
	for name, values := range request.Header {
		for _, value := range values {
			sent.Header = append(sent.Header, [2]string{name, value})
		}
	}
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if closed := request.Body.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, err
		}
		sent.Body = body
	}
	answer, err := hook.Send(sent)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for _, pair := range answer.Header {
		header.Add(pair[0], pair[1])
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", answer.Status, http.StatusText(answer.Status)),
		StatusCode: answer.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Request: request,
		Body: io.NopCloser(bytes.NewReader(answer.Body)), ContentLength: int64(len(answer.Body)),
	}, nil
}
