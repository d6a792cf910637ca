// Command tenon runs the bounded contexts that main lists: for now the order context, which is the sample and the template.
package main

import "github.com/tenon-go/tenon"

func main() {
	tenon.Main(orderContext())
}
