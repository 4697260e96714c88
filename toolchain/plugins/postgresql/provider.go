package postgresql
import ("context";"errors")
func Serve(ctx context.Context) error { return errors.New("todo") }
