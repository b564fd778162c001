// Signs in, refreshes, creates, lists, changes and is refused, with the client of openapi-generator.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	api "example.com/client"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	address, email, password := os.Args[1], os.Args[2], os.Args[3]
	configuration := api.NewConfiguration()
	configuration.Servers = api.ServerConfigurations{{URL: address}}
	client := api.NewAPIClient(configuration)
	ctx := context.Background()

	answer, _, err := client.AuthAPI.Login(ctx).Login(*api.NewLogin(email, password)).Execute()
	check(err)
	if answer.TokenPair == nil {
		log.Fatal("a second factor is required")
	}
	refresh := api.NewTokenRefresh(answer.TokenPair.RefreshToken)
	tokens, _, err := client.AuthAPI.RefreshToken(ctx).TokenRefresh(*refresh).Execute()
	check(err)
	ctx = context.WithValue(ctx, api.ContextAccessToken, tokens.AccessToken)

	for number := range 3 {
		note := api.NewNoteCreate(fmt.Sprintf("go %d", number))
		_, response, err := client.NotesAPI.CreateNote(ctx).NoteCreate(*note).Execute()
		check(err)
		if response.StatusCode != 201 || response.Header.Get("Location") == "" {
			log.Fatal(response.Status)
		}
	}
	var notes []api.NoteRead
	cursor := ""
	for {
		request := client.NotesAPI.ListNotes(ctx).Limit(2)
		if cursor != "" {
			request = request.Cursor(cursor)
		}
		page, _, err := request.Execute()
		check(err)
		notes = append(notes, page.Items...)
		if !page.NextCursor.IsSet() || page.NextCursor.Get() == nil {
			break
		}
		cursor = *page.NextCursor.Get()
	}
	if !strings.HasPrefix(notes[2].Title, "go 0") {
		log.Fatal("not in order: ", notes[2].Title)
	}

	change := api.NewNoteUpdate()
	change.SetTitle("go renamed")
	ifMatch := fmt.Sprintf("%q", fmt.Sprint(notes[0].Version))
	update := client.NotesAPI.UpdateNote(ctx, notes[0].Id).NoteUpdate(*change).IfMatch(ifMatch)
	changed, _, err := update.Execute()
	check(err)
	if changed.Version != notes[0].Version+1 {
		log.Fatal("not changed")
	}
	_, response, err := update.Execute()
	var refused *api.GenericOpenAPIError
	if response.StatusCode != 412 || !errors.As(err, &refused) {
		log.Fatal(response.Status, err)
	}
	problem, ok := refused.Model().(api.ProblemDetails)
	if !ok || problem.Type != "urn:problem:VersionConflict" {
		log.Fatal("not a problem: ", string(refused.Body()))
	}
	fmt.Println("done")
}
